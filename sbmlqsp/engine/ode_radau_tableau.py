"""The method for tight tolerances: Radau IIA of five stages and order 9, a collocation method of stage order 5.

Hairer E, Wanner G (1999). Stiff differential equations solved by Radau methods. J Comput Appl Math 111, 93-111.
https://doi.org/10.1016/S0377-0427(99)00134-X. The stages' changes z solve ``z/h = A f(x + z)``; with the inverse of A
as ``T L T^-1``, where L has one real eigenvalue and two complex pairs on its diagonal, each iteration of Newton's
method solves one real and two complex systems of the size of the model. The error is that of a formula of order 5,
embedded and filtered by the real system.
"""

from __future__ import annotations

import numpy as np

__all__ = ["BETWEEN", "GAMMA", "PAIRS", "POINTS", "STAGES", "T_INVERSE", "C", "E", "T"]

STAGES = 5
C = np.array([0.0571041961145176822, 0.276843013638123828, 0.58359043236891682, 0.860240135656219448, 1.0])
GAMMA = 6.28670475172927665
PAIRS = np.array([[5.70095329867178942, 3.21026560030854989], [3.65569432546357226, 6.54373689936007729]])
"""Real and imaginary part of one of each pair."""
E = np.array([-27.7809339440646373, 3.64147849804921315, -1.25254772116911872, 0.592003167184542873, -0.2])
T = np.array([
    [0.0135768673449479432, -0.0114785152552295147, -0.0140198588928754103, -0.0102420478179088271,
     0.0476738772902957239],
    [0.00161790040171908748, -0.00766883074918016289, 0.0247085784265185268, 0.0501728645173710582,
     -0.094331819181611437],
    [0.0791578533474472076, 0.0193984639988289509, 0.0818003537037511708, -0.230539534043417947,
     0.1027030453801259],
    [0.412256082680461452, 0.407601171280199067, 0.199682427886802526, 0.37789390224886125, 0.466744130332494359],
    [1.0, 1.0, 0.0, 1.0, 0.0],
])  # fmt: skip
T_INVERSE = np.array([
    [27.6976937756840884, 12.783337911304406, 3.20848938671342986, -0.951490412248916221, 0.741550496025989603],
    [-33.041880213519, -17.376953479063567, -0.172129063254005561, -0.0991697779825426426, 0.531228115838306667],
    [-8.61144397987529198, 9.69999140952880823, 1.91472863969687428, 2.41869200608494003, -1.04746348793533742],
    [5.3441864378349116, 4.593615567759161, -3.0363603234594243, 1.05066019023145886, -0.272778611864296271],
    [3.74805980743980486, -3.98496573634388467, -1.04441564160801879, 1.18409856813794849, -0.449917770156780369],
])  # fmt: skip

POINTS = np.concatenate([[0.0], C])
"""Where the polynomial through the stages is known: it is zero at the first."""
BETWEEN = np.array([1.0 / np.prod(POINTS[j] - np.delete(POINTS, j)) for j in range(1, STAGES + 1)])
"""What its Lagrange polynomials are divided by."""
