"""SED-ML documents for tests, put together from parts; and one that phraSED-ML wrote."""

from __future__ import annotations

import numpy as np

import sbmlqsp as qsp

NS = "http://sed-ml.org/sed-ml/level1/version4"
MATH = "http://www.w3.org/1998/Math/MathML"
K = "/sbml:sbml/sbml:model/sbml:listOfParameters/sbml:parameter[@id='k']"
S = "/sbml:sbml/sbml:model/sbml:listOfSpecies/sbml:species[@id='S']"
COURSE = (
    '<uniformTimeCourse id="course" initialTime="0" outputStartTime="0" outputEndTime="10" numberOfSteps="5">'
    '<algorithm kisaoID="KISAO:0000019"/></uniformTimeCourse>'
)
TASK = '<task id="task" modelReference="m" simulationReference="course"/>'
MODEL = '<model id="m" language="urn:sedml:language:sbml" source="m.xml"/>'
TIMES = np.linspace(0, 10, 6)


def math(formula):
    return f'<math xmlns="{MATH}">{formula}</math>'


def generator(name, target=S, task="task", formula=None, more=""):
    where = f'target="{target}"' if target.startswith("/") else f'symbol="{target}"'
    return (
        f'<dataGenerator id="{name}"><listOfVariables><variable id="v_{name}" taskReference="{task}" {where}{more}/>'
        f"</listOfVariables>{math(formula or f'<ci>v_{name}</ci>')}</dataGenerator>"
    )


def document(*, models=MODEL, simulations=COURSE, tasks=TASK, generators=None, outputs=None, version=4, more=""):
    generators = generator("S") + generator("time", "urn:sedml:symbol:time") if generators is None else generators
    sets = '<dataSet id="d1" label="S" dataReference="S"/><dataSet id="d2" label="time" dataReference="time"/>'
    outputs = f'<report id="r"><listOfDataSets>{sets}</listOfDataSets></report>' if outputs is None else outputs
    return (
        f'<sedML xmlns="{NS}" xmlns:sbml="x" level="1" version="{version}">'
        f"<listOfModels>{models}</listOfModels><listOfSimulations>{simulations}</listOfSimulations>"
        f"<listOfTasks>{tasks}</listOfTasks><listOfDataGenerators>{generators}</listOfDataGenerators>"
        f"<listOfOutputs>{outputs}</listOfOutputs>{more}</sedML>"
    )


def repeated(changes="", ranges=None, sub='<subTask order="1" task="task"/>', reset="true", more="", name="rep"):
    ranges = '<vectorRange id="ks"><value>0.1</value><value> 0.2 </value></vectorRange>' if ranges is None else ranges
    listed = f"<listOfChanges>{changes}</listOfChanges>" if changes else ""
    return (
        f'<repeatedTask id="{name}" range="ks" resetModel="{reset}"{more}><listOfRanges>{ranges}</listOfRanges>{listed}'
        f"<listOfSubTasks>{sub}</listOfSubTasks></repeatedTask>"
    )


def set_value(target=K, range_="ks", formula=None):
    inside = math(formula or f"<ci>{range_}</ci>")
    return f'<setValue modelReference="m" target="{target}" range="{range_}">{inside}</setValue>'


def run(text, model):
    return qsp.run_sedml(qsp.read_sedml(text, models={"m": model}))


def report(text, model):
    return run(text, model)["r"]


def of_repeats(model, tasks, **parts):
    generators = generator("S", task="rep") + generator("time", "urn:sedml:symbol:time", task="rep")
    return report(document(tasks=TASK + tasks, generators=generators, **parts), model)


def exact(k=0.1, start=10.0, times=TIMES):
    return start * np.exp(-k * times)


def changed(inside):
    base, own = MODEL.replace('id="m"', 'id="base"'), MODEL.replace("m.xml", "#base").replace("/>", ">")
    return f"{base}{own}<listOfChanges>{inside}</listOfChanges></model>"


def of_changes(inside, model):
    return report_of_base(document(models=changed(inside)), model)


def report_of_base(text, model):
    return qsp.run_sedml(qsp.read_sedml(text, models={"base": model}))["r"]


PHRASED = """<?xml version="1.0" encoding="UTF-8"?>
<!-- Created by phraSED-ML version v1.3.0 with libSBML version 5.19.5. -->
<sedML xmlns="http://sed-ml.org/sed-ml/level1/version4" xmlns:sbml="http://www.sbml.org/sbml/level3/version2/core" \
level="1" version="4">
  <listOfModels>
    <model id="m" language="urn:sedml:language:sbml.level-3.version-2" source="myModel"/>
    <model id="mod2" language="urn:sedml:language:sbml.level-3.version-2" source="m">
      <listOfChanges>
        <computeChange target="/sbml:sbml/sbml:model/sbml:listOfSpecies/sbml:species[@id='S']">
          <math xmlns="http://www.w3.org/1998/Math/MathML">
            <apply><plus/><ci> k </ci><cn type="integer"> 4 </cn></apply>
          </math>
          <listOfVariables>
            <variable id="k" target="/sbml:sbml/sbml:model/sbml:listOfParameters/sbml:parameter[@id='k']" \
modelReference="m"/>
          </listOfVariables>
        </computeChange>
        <changeAttribute target="/sbml:sbml/sbml:model/sbml:listOfParameters/sbml:parameter[@id='k']/@value" \
newValue="0.3"/>
      </listOfChanges>
    </model>
  </listOfModels>
  <listOfSimulations>
    <uniformTimeCourse id="sim1" initialTime="0" outputStartTime="0" outputEndTime="10" numberOfSteps="5">
      <algorithm name="CVODE" kisaoID="KISAO:0000019">
        <listOfAlgorithmParameters>
          <algorithmParameter name="relative tolerance" kisaoID="KISAO:0000209" value="2.2"/>
        </listOfAlgorithmParameters>
      </algorithm>
    </uniformTimeCourse>
  </listOfSimulations>
  <listOfTasks>
    <task id="t1" modelReference="m" simulationReference="sim1"/>
    <task id="t2" modelReference="mod2" simulationReference="sim1"/>
    <repeatedTask id="r1" range="uniform_linear_for_S" resetModel="true">
      <listOfRanges>
        <vectorRange id="vector_for_k">
          <value> 0.1 </value>
          <value> 0.2 </value>
          <value> 0.4 </value>
        </vectorRange>
        <uniformRange id="uniform_linear_for_S" start="1" end="3" numberOfSteps="2" type="linear"/>
      </listOfRanges>
      <listOfChanges>
        <setValue modelReference="m" target="/sbml:sbml/sbml:model/sbml:listOfParameters/sbml:parameter[@id='k']" \
range="vector_for_k">
          <math xmlns="http://www.w3.org/1998/Math/MathML"><ci> vector_for_k </ci></math>
        </setValue>
        <setValue modelReference="m" target="/sbml:sbml/sbml:model/sbml:listOfSpecies/sbml:species[@id='S']" \
range="uniform_linear_for_S">
          <math xmlns="http://www.w3.org/1998/Math/MathML"><ci> uniform_linear_for_S </ci></math>
        </setValue>
      </listOfChanges>
      <listOfSubTasks>
        <subTask order="0" task="t1"/>
      </listOfSubTasks>
    </repeatedTask>
  </listOfTasks>
  <listOfDataGenerators>
    <dataGenerator id="report_0_0_0" name="t1.time">
      <math xmlns="http://www.w3.org/1998/Math/MathML"><ci> t1_____time </ci></math>
      <listOfVariables>
        <variable id="t1_____time" symbol="urn:sedml:symbol:time" taskReference="t1" modelReference="m"/>
      </listOfVariables>
    </dataGenerator>
    <dataGenerator id="report_0_0_1" name="t2.S/t1.S">
      <math xmlns="http://www.w3.org/1998/Math/MathML">
        <apply><divide/><ci> t2_____S </ci><ci> t1_____S </ci></apply>
      </math>
      <listOfVariables>
        <variable id="t2_____S" target="/sbml:sbml/sbml:model/sbml:listOfSpecies/sbml:species[@id='S']" \
taskReference="t2" modelReference="mod2"/>
        <variable id="t1_____S" target="/sbml:sbml/sbml:model/sbml:listOfSpecies/sbml:species[@id='S']" \
taskReference="t1" modelReference="m"/>
      </listOfVariables>
    </dataGenerator>
    <dataGenerator id="report_1_0_1" name="r1.S">
      <math xmlns="http://www.w3.org/1998/Math/MathML"><ci> r1_____S </ci></math>
      <listOfVariables>
        <variable id="r1_____S" target="/sbml:sbml/sbml:model/sbml:listOfSpecies/sbml:species[@id='S']" \
taskReference="r1" modelReference="m"/>
      </listOfVariables>
    </dataGenerator>
  </listOfDataGenerators>
  <listOfOutputs>
    <report id="report_0">
      <listOfDataSets>
        <dataSet id="report_0_0_0_dataset" label="t1.time" dataReference="report_0_0_0"/>
        <dataSet id="report_0_0_1_dataset" label="t2.S/t1.S" dataReference="report_0_0_1"/>
      </listOfDataSets>
    </report>
    <report id="report_1">
      <listOfDataSets>
        <dataSet id="report_1_0_1_dataset" label="r1.S" dataReference="report_1_0_1"/>
      </listOfDataSets>
    </report>
  </listOfOutputs>
</sedML>
"""
