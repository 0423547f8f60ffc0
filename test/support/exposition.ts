// A strict reader of the Prometheus text format, version 0.0.4, for tests: everything that the format does not allow is an error.

import assert from 'node:assert/strict';

interface ExpositionSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Family {
  readonly type: string;
  readonly help: string;
  readonly samples: ExpositionSample[];
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  counter: [''],
  gauge: [''],
  histogram: ['_bucket', '_sum', '_count'],
};

/** Reads the families by name. Throws for text that violates the format. */
export function parseExposition(text: string): ReadonlyMap<string, Family> {
  assert.ok(text.endsWith('\n'), 'the last line ends with a line feed');
  const families = new Map<string, Family>();
  const seen = new Set<string>();
  let current: { name: string; family: Family } | undefined;
  let help: { name: string; text: string } | undefined;
  for (const line of text.slice(0, -1).split('\n')) {
    const head = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line);
    if (head !== null) {
      const [, kind = '', name = '', rest = ''] = head;
      assert.match(name, NAME);
      if (kind === 'HELP') {
        assert.ok(!families.has(name), `${name} comes twice`);
        help = { name, text: rest.replaceAll(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c)) };
        continue;
      }
      assert.equal(help?.name, name, `${name} has a TYPE without its HELP before it`);
      assert.ok(rest in SUFFIXES, `${name} is of type ${rest}`);
      if (rest === 'counter') assert.match(name, /_total$/);
      const family: Family = { type: rest, help: help?.text ?? '', samples: [] };
      families.set(name, family);
      current = { name, family };
      continue;
    }
    const sample = parseSample(line);
    const own = current;
    assert.ok(own !== undefined, `${line}: a sample before its TYPE`);
    const suffixes = SUFFIXES[own.family.type] ?? [];
    assert.ok(
      suffixes.some((suffix) => sample.name === own.name + suffix),
      `${line} does not belong to ${own.name}`,
    );
    const key = `${sample.name}${JSON.stringify(sample.labels)}`;
    assert.ok(!seen.has(key), `${line} comes twice`);
    seen.add(key);
    own.family.samples.push(sample);
  }
  for (const [name, family] of families) {
    assert.ok(family.samples.length > 0, `${name} has no sample`);
    if (family.type === 'histogram') checkHistogram(name, family.samples);
  }
  return families;
}

function parseSample(line: string): ExpositionSample {
  const match = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
  assert.ok(match !== null, `not a sample: ${line}`);
  const labels: Record<string, string> = {};
  let rest = match[2] ?? '';
  while (rest !== '') {
    const label = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\["\\n])*)"(?:,|$)/.exec(rest);
    assert.ok(label !== null, `labels of ${line}`);
    labels[label[1] ?? ''] = (label[2] ?? '').replaceAll(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c));
    rest = rest.slice(label[0].length);
  }
  const written = match[3] ?? '';
  const value = written === '+Inf' ? Infinity : written === '-Inf' ? -Infinity : Number(written);
  assert.ok(written === 'NaN' || !Number.isNaN(value), `the value of ${line}`);
  return { name: match[1] ?? '', labels, value };
}

/** Checks that the buckets are cumulative and that the last one holds all. */
function checkHistogram(name: string, samples: readonly ExpositionSample[]): void {
  const buckets = samples.filter((sample) => sample.name === `${name}_bucket`);
  let bound = -Infinity;
  let sum = 0;
  for (const { labels, value } of buckets) {
    const next = labels.le === '+Inf' ? Infinity : Number(labels.le);
    assert.ok(next > bound && value >= sum, `${name}: bucket ${labels.le}`);
    bound = next;
    sum = value;
  }
  assert.equal(bound, Infinity, `${name} ends with +Inf`);
  assert.equal(samples.find((sample) => sample.name === `${name}_count`)?.value, sum);
}
