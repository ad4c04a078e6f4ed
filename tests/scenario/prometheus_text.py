"""prometheus_text: a strict reader of the text format 0.0.4, for tests.

    metrics = parse(text)                 # {name: Metric}
    metrics["haproxy_up"].samples         # {(("proxy", "in"),): 1.0}

It accepts what the format's description allows and nothing else; and of what that leaves open, one way: HELP, then
TYPE, then all samples of a metric, and no metric or sample twice.
"""

import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"'
SAMPLE = re.compile(rf"({NAME})(?:\{{((?:{LABEL})(?:,{LABEL})*)\}})? (\S+)")
VALUE = re.compile(r"[+-]?(?:\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|Inf)|NaN")


class Metric:
    def __init__(self, help_text):
        self.help = help_text
        self.type = None
        self.samples = {}


class Wrong(Exception):
    pass


def parse(text):
    if text and not text.endswith("\n"):
        raise Wrong("the last line has no end")
    metrics = {}
    current = None
    for number, line in enumerate(text.split("\n")[:-1], 1):

        def need(truth, what, number=number, line=line):
            if not truth:
                raise Wrong(f"line {number}: {what}: {line!r}")

        if match := re.fullmatch(rf"# HELP ({NAME}) (\S.*)", line):
            need(match[1] not in metrics, "a metric for the second time")
            need(not re.search(r"\\(?![\\n])", match[2]), "an escape that there is not")
            need(current is None or metrics[current].type, "the metric before has no type")
            current = match[1]
            metrics[current] = Metric(match[2])
        elif match := re.fullmatch(rf"# TYPE ({NAME}) (counter|gauge)", line):
            need(match[1] == current and metrics[current].type is None, "a type without its HELP before it")
            metrics[current].type = match[2]
        else:
            match = SAMPLE.fullmatch(line)
            need(match, "no sample")
            need(match[1] == current and metrics[current].type, "a sample outside of its metric")
            labels = tuple((name, value) for name, value in re.findall(LABEL, match[2] or ""))
            need(len(dict(labels)) == len(labels), "a label twice")
            need(labels not in metrics[current].samples, "a sample twice")
            need(VALUE.fullmatch(match[match.lastindex]), "no number")
            value = float(match[match.lastindex])
            need(metrics[current].type != "counter" or not value < 0, "a negative counter")
            metrics[current].samples[labels] = value
    return metrics
