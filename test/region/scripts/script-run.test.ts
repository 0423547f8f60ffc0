// Script runs: their plans and outcomes, and the metadata in scripts.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  NO_MARKS,
  OUTPUT_BYTES_MAX,
  type RawResult,
  type Script,
  type ScriptResult,
} from '../../../src/region/records/script-store.ts';
import { appendOutput, lastWords, OFFSET_MAX, outputText } from '../../../src/region/scripts/script-output.ts';
import { findRunFailure, isOverdue, planRun, takeNews } from '../../../src/region/scripts/script-run.ts';
import { parseScript, parseTimeout, SCRIPT_BYTES_MAX } from '../../../src/region/scripts/script-text.ts';
import { reasonOf } from '../../support/sentences.ts';

const SH = '#!/bin/sh\nexit 0\n';
const script = (name: string, kind: Script['kind']): Script => ({
  ...NO_MARKS,
  id: 1,
  name,
  kind,
  title: '',
  description: '',
  timeoutSeconds: 60,
  position: 50,
  changedMs: 0,
  bytes: 1,
});
const SCRIPTS = [script('t1', 'testing'), script('c1', 'commissioning'), script('c2', 'commissioning')];
const result: RawResult = {
  id: 1,
  systemId: 'aaaaaa',
  run: 1,
  purpose: 'commissioning',
  name: 'c1',
  kind: 'commissioning',
  status: 'pending',
  timeoutSeconds: 60,
  outputBytes: 0,
  tail: new Uint8Array(),
};
const bytes = (text: string): Uint8Array => Buffer.from(text);

test('a run has the built-in checks first, then the scripts of its kind or the chosen ones, tests last', () => {
  const names = (purpose: Script['kind'], chosen?: readonly string[]): string =>
    planRun(purpose, SCRIPTS, chosen)
      .map(({ name }) => name)
      .join(' ');
  assert.equal(names('commissioning'), 'inventory disks memory link clock c1 c2');
  assert.equal(names('testing'), 'disks memory link clock t1');
  assert.equal(names('commissioning', ['t1', 'c2']), 'inventory disks memory link clock c2 t1');
  assert.equal(names('testing', []), 'disks memory link clock');
});

test('a script that overwrites data, or is tagged noauto, is in a run only if it is chosen', () => {
  const scripts = [
    ...SCRIPTS,
    { ...script('wipe', 'testing'), isDestructive: true },
    { ...script('rare', 'testing'), tags: ['slow', 'noauto'] },
  ];
  const names = (chosen?: readonly string[]) => planRun('testing', scripts, chosen).map(({ name }) => name);
  assert.deepEqual(names().slice(4), ['t1']);
  assert.deepEqual(names(['wipe', 'rare']).slice(4), ['wipe', 'rare']);
});

test('reports start, continue and end a result; output is assembled despite repeated or missing pieces', () => {
  const begun = { ...result, ...takeNews(result, { id: 1 }, 1000) };
  assert.deepEqual([begun.status, begun.startedMs], ['running', 1000]);
  const some = { ...begun, ...takeNews(begun, { id: 1, piece: { offset: 0, bytes: bytes('hello ') } }, 2000) };
  const again = { ...some, ...takeNews(some, { id: 1, piece: { offset: 0, bytes: bytes('hello wo') } }, 3000) };
  const twice = { ...again, ...takeNews(again, { id: 1, piece: { offset: 2, bytes: bytes('llo') } }, 3000) };
  assert.equal(outputText(twice.tail), 'hello wo');
  const end = takeNews(
    twice,
    { id: 1, ended: 'exited', exitStatus: 0, piece: { offset: 10, bytes: bytes('d') } },
    4000,
  );
  assert.equal(outputText(end.tail ?? bytes('')), 'hello wo\n[2 bytes did not arrive]\nd');
  assert.doesNotMatch(String(end.tail), /arrive/, 'stored without words');
  assert.deepEqual(
    [end.status, end.exitStatus, end.startedMs, end.endedMs, end.outputBytes],
    ['passed', 0, 1000, 4000, 11],
  );
  assert.equal(takeNews(begun, { id: 1, ended: 'exited', exitStatus: 3 }, 1).status, 'failed');
  assert.equal(
    takeNews(begun, { id: 1, ended: 'exited' }, 1).status,
    'failed',
    'a script without an exit status has failed',
  );
  assert.equal(takeNews(begun, { id: 1, ended: 'timed-out', exitStatus: 143 }, 1).status, 'timed-out');
  assert.equal(takeNews(begun, { id: 1, ended: 'skipped' }, 1).status, 'skipped');
});

test('the end of an output is kept, and is shown without cursor movements, even if it is cut inside a character', () => {
  const long = appendOutput({ tail: bytes('x'.repeat(OUTPUT_BYTES_MAX)), outputBytes: 1e9 }, 1e9, bytes('ü!'));
  assert.deepEqual([long.tail.length, long.outputBytes], [OUTPUT_BYTES_MAX, 1e9 + 3]);
  const far = appendOutput({ tail: bytes(''), outputBytes: 0 }, OFFSET_MAX, bytes('x'));
  assert.equal(far.outputBytes, OFFSET_MAX);
  const half = appendOutput({ tail: new Uint8Array(), outputBytes: 0 }, 0, bytes('grüße').subarray(0, 3));
  assert.equal(outputText(appendOutput(half, 3, bytes('grüße').subarray(3)).tail), 'grüße');
  for (const [raw, shown] of [
    ['a\tb\r\nc\n', 'a\tb\nc\n'],
    ['10%\r50%\r100%\ndone', '100%\ndone'],
    ['\r\r\nx\r', '\nx'],
    [`${'y'.repeat(65_000)}\r`, 'y'.repeat(65_000)],
    [`${'\r'.repeat(65_000)}z`, 'z'],
    ['\u001b[31mred\u001b[0m \u001b]0;title\u0007x\u001b(B', 'red x'],
    ['a\u0000b\u0007\u202ec\ufeff', 'a\\x00b\\x07\\u202ec\\ufeff'],
  ] as const) {
    assert.equal(outputText(bytes(raw)), shown);
  }
  assert.equal(lastWords(bytes('one\n  two \t words\n\n'), 7), 'two wor');
  assert.equal(lastWords(bytes(''), 9), '');
});

test('a running script is overdue after its time limit and a grace period', () => {
  const running: RawResult = { ...result, status: 'running', startedMs: 0 };
  assert.equal(isOverdue(running, 360_000), false);
  assert.equal(isOverdue(running, 360_001), true);
  assert.equal(isOverdue(result, 1e12), false);
});

test('a failure names scripts with their ends and last lines, and counts the others', () => {
  const all = (...changes: readonly Partial<ScriptResult>[]): ScriptResult[] =>
    changes.map((change) => ({ ...result, output: '', status: 'passed', ...change }));
  const why = (...changes: readonly Partial<ScriptResult>[]) =>
    reasonOf({ statusReason: findRunFailure(all(...changes)) });
  assert.equal(findRunFailure(all({}, { status: 'skipped' }, { kind: 'builtin', status: 'pending' })), undefined);
  assert.equal(
    why({ status: 'failed', exitStatus: 3, output: 'a\nno such disk\n' }, { name: 'c2', status: 'timed-out' }),
    'script c1 ended with status 3: no such disk; script c2 did not end within 60 seconds',
  );
  assert.equal(why({ status: 'pending' }), 'script c1 was not run to its end');
  assert.match(why(...Array(5).fill({ status: 'failed', exitStatus: 1 })), /; and 2 more failed$/);
  assert.deepEqual(findRunFailure(all({ status: 'failed', exitStatus: 3, output: 'no such disk\n' })), {
    code: 'scripts-failed',
    params: {
      failed: [{ name: 'c1', end: 'exited', exitStatus: 3, timeoutSeconds: 60, said: 'no such disk' }],
      more: 0,
    },
  });
});

test('a script’s own metadata is used, and a person’s values override it', () => {
  const text = `#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: burn-in
# title: "Burn in"
# description: for long
# script_type: testing
# timeout: 01:30:00
# hardware_type: memory
# may_reboot: False
# --- End MAAS 1.0 script metadata ---
exit 0
`;
  const expected = {
    name: 'burn-in',
    kind: 'testing',
    title: 'Burn in',
    description: 'for long',
    timeoutSeconds: 5400,
  };
  assert.deepEqual(parseScript({ content: text }), {
    kind: 'script',
    script: { ...NO_MARKS, hardware: 'memory', ...expected, position: 50, content: text },
  });
  const given = parseScript({
    content: text,
    name: 'x',
    kind: 'commissioning',
    timeoutSeconds: 5,
    position: 1,
    title: '',
  });
  assert.ok(given.kind === 'script');
  assert.deepEqual(
    [given.script.name, given.script.kind, given.script.timeoutSeconds, given.script.position, given.script.title],
    ['x', 'commissioning', 5, 1, ''],
  );
  const plain = parseScript({ content: SH, name: 'plain' });
  assert.ok(plain.kind === 'script' && plain.script.kind === 'commissioning' && plain.script.timeoutSeconds === 600);
  const windows = parseScript({ content: '#!/bin/sh\r\nexit 0\r\n', name: 'plain' });
  assert.ok(windows.kind === 'script' && windows.script.content === SH);
});

const header = (line: string): string =>
  `#!/bin/sh\n# --- Start MAAS 1.0 script metadata ---\n# ${line}\n# --- End MAAS 1.0 script metadata ---\n`;

test('the tags in a comment are words after commas, a list in brackets, or one line for each', () => {
  for (const [lines, expected] of [
    ['tags: slow', ['slow']],
    ['tags: slow, hot , slow', ['slow', 'hot']],
    ['tags: "slow, hot"', ['slow', 'hot']],
    ['tags: [slow, "hot", \'a.b-c_1\']  # both', ['slow', 'hot', 'a.b-c_1']],
    ['tags: [slow,\n#   hot]', ['slow', 'hot']],
    ['tags:\n#   - slow  # very\n#   # a remark\n#   - "hot"', ['slow', 'hot']],
    ['tags:\n# - slow\n# - hot', ['slow', 'hot']],
    ['tags:\n#   [slow, hot]', ['slow', 'hot']],
    ['tags:', []],
    ['tags: []', []],
    ['tags: null', []],
    ['title: x', []],
  ] as const) {
    const parsed = parseScript({ content: header(lines), name: 'a' });
    assert.ok(parsed.kind === 'script', lines);
    assert.deepEqual(parsed.script.tags, expected, lines);
  }
  const given = parseScript({ content: header('tags: slow'), name: 'a', tags: ['hot'] });
  assert.deepEqual(given.kind === 'script' && given.script.tags, ['hot']);
});

test('the marks in a comment are words, numbers or other words of MAAS; a text may have several lines', () => {
  for (const [lines, expected] of [
    ['hardware_type: storage', { hardware: 'storage' }],
    ['hardware_type: 3 # disks', { hardware: 'storage' }],
    ['hardware_type: Machine', { hardware: 'node' }],
    ['hardware_type: disk', { hardware: 'storage' }],
    ['parallel: any', { parallel: 'any' }],
    ['parallel: 1', { parallel: 'instance' }],
    ['parallel: False', { parallel: 'disabled' }],
    ['destructive: True', { isDestructive: true }],
    ['destructive: no', { isDestructive: false }],
    ['recommission: False', {}],
    ['packages: {}', {}],
    ['description: >\n#   for an hour,\n#   or two', { description: 'for an hour, or two' }],
    ['title: Burn #2', { title: 'Burn #2' }],
  ] as const) {
    const parsed = parseScript({ content: header(lines), name: 'a' });
    assert.ok(parsed.kind === 'script', lines);
    const { content: _content, ...facts } = parsed.script;
    const usual = { name: 'a', kind: 'commissioning', title: '', description: '', timeoutSeconds: 600, position: 50 };
    assert.deepEqual(facts, { ...NO_MARKS, ...usual, ...expected }, lines);
  }
});

test('a comment whose lines all are further in is read, too', () => {
  const parsed = parseScript({ content: header('   name: fan').replace('fan', 'fan\n#    tags: hot\n#      - x') });
  assert.ok(parsed.kind === 'fault' && Object.keys(parsed.problems).join() === 'tags');
  const whole = parseScript({ content: header('   name: fan\n#    tags: hot') });
  assert.ok(whole.kind === 'script' && whole.script.name === 'fan' && whole.script.tags[0] === 'hot');
});

const REFUSED: readonly (readonly [string, Parameters<typeof parseScript>[0], string])[] = [
  ['nothing', { content: '', name: 'a' }, 'script'],
  ['too much', { content: `#!/bin/sh\n${'x'.repeat(SCRIPT_BYTES_MAX)}`, name: 'a' }, 'script'],
  ['a program', { content: '#!/bin/sh\n\u0000', name: 'a' }, 'script'],
  ['no interpreter', { content: 'echo hello\n', name: 'a' }, 'script'],
  ['an interpreter that machines lack', { content: '#!/bin/bash -e\n', name: 'a' }, 'script'],
  ['no name', { content: SH }, 'name'],
  ['a name that leaves its place', { content: SH, name: '../x' }, 'name'],
  ['a reserved name', { content: SH, name: 'memory' }, 'name'],
  ['a number', { content: SH, name: '12' }, 'name'],
  ['an unknown kind', { content: header('script_type: installation'), name: 'a' }, 'type'],
  ['an invalid time', { content: header('timeout: soon'), name: 'a' }, 'timeout'],
  ['packages', { content: header('packages: {apt: stress-ng}'), name: 'a' }, 'script'],
  ['a repeated commissioning', { content: header('recommission: true'), name: 'a' }, 'script'],
  ['a tag of two words', { content: header('tags: very hot'), name: 'a' }, 'tags'],
  ['tags without an end', { content: header('tags: [a,'), name: 'a' }, 'tags'],
  ['the tag none', { content: SH, name: 'a', tags: ['none'] }, 'tags'],
  ['too many tags', { content: SH, name: 'a', tags: Array.from({ length: 65 }, (_, i) => `t${i}`) }, 'tags'],
  ['other hardware', { content: header('hardware_type: toaster'), name: 'a' }, 'hardware_type'],
  ['another neighbour', { content: header('parallel: sometimes'), name: 'a' }, 'parallel'],
  ['a doubtful harm', { content: header('destructive: maybe'), name: 'a' }, 'destructive'],
  ['parameters', { content: header('parameters: {storage: {type: storage}}'), name: 'a' }, 'script'],
  ['a restart', { content: header('may_reboot: true'), name: 'a' }, 'script'],
];
for (const [name, request, field] of REFUSED) {
  test(`a script with ${name} is refused at its field`, () => {
    const parsed = parseScript(request);
    assert.ok(parsed.kind === 'fault' && field in parsed.problems);
  });
}

test('time limits are seconds, with a unit, or in clock form; 0 is the maximum', () => {
  for (const [text, seconds] of [
    ['', 600],
    ['90', 90],
    ['10m', 600],
    ['2h', 7200],
    ['00:05:00', 300],
    ['05:10', 310],
    ['0', 86_400],
    ['1d', undefined],
    ['-5', undefined],
  ] as const) {
    assert.equal(parseTimeout(text), seconds, text);
  }
});
