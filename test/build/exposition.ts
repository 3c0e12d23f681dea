/** A strict parser of Prometheus' text exposition format 0.0.4: whatever the format does not define is an error. */

export interface ReadFamily {
  type: string;
  help: string;
  /** Values by labels, which are written as JSON of the sorted pairs. */
  samples: Map<string, number>;
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$)/y;
const VALUE = /^(?:[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?|[+-]Inf|NaN)$/;
const ESCAPES: Readonly<Record<string, string>> = { '\\\\': '\\', '\\"': '"', '\\n': '\n' };

const unescaped = (text: string): string => text.replace(/\\[\\"n]/g, two => ESCAPES[two]);

function labelsOf(text: string): string {
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < text.length) {
    const [, name, value] = LABEL.exec(text) ?? [];
    if (name === undefined || value === undefined) throw new Error(`labels ${text}`);
    if (name in labels) throw new Error(`label ${name} twice`);
    labels[name] = unescaped(value);
  }
  return JSON.stringify(labels);
}

export function readExposition(text: string): Map<string, ReadFamily> {
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  const families = new Map<string, ReadFamily>();
  const lines = text.slice(0, -1).split('\n');
  for (let i = 0; i < lines.length; ) {
    const [, name = '', help = ''] = /^# HELP (\S+) (.*)$/.exec(lines[i++]) ?? [];
    const [, typed, type = ''] = /^# TYPE (\S+) (counter|gauge)$/.exec(lines[i++] ?? '') ?? [];
    if (!NAME.test(name) || typed !== name || families.has(name)) throw new Error(`family ${name} at line ${i}`);
    if (type === 'counter' && !name.endsWith('_total')) throw new Error(`counter ${name}`);
    const samples = new Map<string, number>();
    for (; i < lines.length && !lines[i].startsWith('#'); i++) {
      const [, of, , labels = '', value = ''] = /^([^\s{]+)(\{(.*)\})? (\S+)$/.exec(lines[i]) ?? [];
      if (of !== name || !VALUE.test(value)) throw new Error(`sample ${lines[i]}`);
      const key = labelsOf(labels);
      if (samples.has(key)) throw new Error(`sample twice: ${lines[i]}`);
      samples.set(key, Number(value.replace('Inf', 'Infinity')));
    }
    if (samples.size === 0) throw new Error(`no sample of ${name}`);
    families.set(name, { type, help, samples });
  }
  return families;
}
