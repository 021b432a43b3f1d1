"""The smallest model that tests of processes and stores run."""

DECAY = "model m(k, S); species S; S = 10; J: S => ; k*S; k = 0.1; end"
