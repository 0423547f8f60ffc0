import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasInLine, wildcardParts } from '../../src/power/answer-search.ts';
import type { PowerOutcomeKind, PowerState } from '../../src/power/outcome.ts';
import type { HttpAttempt, WebFault } from '../../src/power/web-request.ts';
import { judgeAttempt, readState } from '../../src/power/webhook.ts';
import { textOf } from '../support/sentences.ts';

const answer = (status: number, body = '', location?: string): HttpAttempt => ({
  kind: 'answer',
  status,
  body,
  location,
});

const fault = (code: 'web-failed' | 'certificate-untrusted'): WebFault => ({ code, params: { host: 'x', said: 'y' } });

const JUDGED: readonly (readonly [attempt: HttpAttempt, changed: PowerOutcomeKind, asked: PowerOutcomeKind])[] = [
  [answer(200, 'ok'), 'done', 'done'],
  [answer(204), 'done', 'done'],
  [answer(401), 'wrong-credentials', 'wrong-credentials'],
  [answer(403), 'wrong-credentials', 'wrong-credentials'],
  [answer(404), 'refused', 'refused'],
  [answer(302, '', 'http://elsewhere/'), 'refused', 'refused'],
  [answer(500), 'refused', 'refused'],
  [answer(502), 'unknown', 'refused'],
  [answer(504), 'unknown', 'refused'],
  [{ kind: 'not-sent', why: fault('web-failed') }, 'unreachable', 'unreachable'],
  [{ kind: 'not-sent', why: fault('certificate-untrusted') }, 'refused', 'refused'],
  [{ kind: 'no-answer', why: fault('web-failed') }, 'unknown', 'unreachable'],
];
for (const [attempt, changed, asked] of JUDGED) {
  const name = attempt.kind === 'answer' ? `an answer with ${attempt.status}` : `${attempt.kind}, ${attempt.why.code},`;
  test(`${name} means ${changed} for a change and ${asked} for a query`, () => {
    assert.equal(judgeAttempt(attempt, true, []).kind, changed);
    assert.equal(judgeAttempt(attempt, false, []).kind, asked);
  });
}

test('a secret in a server’s answer is masked', () => {
  assert.equal(judgeAttempt(answer(400, 'no token hunter2'), true, ['hunter2']).said, 'no token ••••');
  const redirect = judgeAttempt(answer(302, '', 'http://x/?t=hunter2'), true, ['hunter2']);
  assert.match(redirect.said ?? '', /^http:/);
  assert.doesNotMatch(JSON.stringify(redirect), /hunter2/);
});

test('a server’s answer is kept apart from the words that every user can read', () => {
  const body = 'root:x:0:0 of another service';
  const outcomes = [
    judgeAttempt(answer(200, body), true, []),
    judgeAttempt(answer(500, body), true, []),
    judgeAttempt(answer(401, body), false, []),
    judgeAttempt(answer(302, '', `http://x/?${encodeURI(body)}`), false, []),
    readState(body, DEFAULTS),
    readState(body, { ...DEFAULTS, power_on_regex: 'another' }),
    readState(body, { ...DEFAULTS, power_on_regex: '^(.+)+[^]*$!' }),
  ];
  for (const { detail, said } of outcomes) {
    const text = textOf({ detail });
    assert.ok(text !== '' && !/root|another|x:0/.test(text), text);
    assert.match(said ?? '', /root:x:0:0/);
  }
});

const DEFAULTS = { power_on_regex: 'status.*\\:.*running', power_off_regex: 'status.*\\:.*stopped' };
const STATES: readonly (readonly [body: string, state: PowerState])[] = [
  ['{"status": "running"}', 'on'],
  ['{"status": "stopped"}', 'off'],
  ['{"status": "melting"}', 'unknown'],
  ['', 'unknown'],
];
for (const [body, state] of STATES) {
  test(`${body || 'an empty answer'} means the state ${state}`, () =>
    assert.deepEqual([readState(body, DEFAULTS).kind, readState(body, DEFAULTS).state], ['done', state]));
}

/** How long some work occupies the thread, in milliseconds of processor time. */
function workedMs(work: () => void): number {
  const before = process.threadCpuUsage();
  work();
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1000;
}

const EVIL = `${'a'.repeat(60)}!`;

test('an expression that would run forever is interrupted and named', () => {
  const judged = readState(EVIL, { ...DEFAULTS, power_off_regex: '^(a+)+$' });
  assert.equal(judged.kind, 'refused');
  assert.match(textOf(judged), /^power_off_regex takes longer than/);
});

test('an answer with slow expressions is searched once, and blocks the thread for milliseconds', () => {
  const slow = { power_on_regex: '^(a+)+$', power_off_regex: '^(a+)+$' };
  readState(EVIL, slow);
  const worked = workedMs(() => {
    assert.match(textOf(readState(EVIL, slow)), /^power_on_regex takes longer than 5 ms/);
  });
  assert.ok(worked < 30, `it worked for ${worked} ms`);
});

const LONG = 64 * 1024;
const HOSTILE: readonly (readonly [name: string, body: string])[] = [
  ['status:', 'status:'.repeat(LONG / 7)],
  ['status:running without a colon between', 'statusrunning'.repeat(LONG / 13)],
  ['colons', `status${':'.repeat(LONG)}`],
  ['lines', 'status:\n'.repeat(LONG / 8)],
  ['white space', `a${' '.repeat(LONG)}b`],
  ['white space and one line end', `a${'\t'.repeat(LONG / 2)}\n${' '.repeat(LONG / 2)}b`],
];
for (const [name, body] of HOSTILE) {
  test(`64 KiB of ${name} take a few milliseconds, and the default expressions are not blamed`, () => {
    const worked = workedMs(() => {
      const judged = readState(body, DEFAULTS);
      assert.deepEqual([judged.kind, judged.state], ['done', 'unknown']);
      judgeAttempt(answer(500, body), true, []);
    });
    assert.ok(worked < 30, `it worked for ${worked} ms`);
  });
}

test('words with wildcards in between match exactly where the engine matches them', () => {
  const expressions = [...Object.values(DEFAULTS), 'on', 'a.*b', '.*', 'a.*.*b', '"on"', 'a\\.b', 'a\\/.*\\:', 'b.*ab'];
  const pieces = [
    'status',
    ':',
    'running',
    'stopped',
    'a',
    'b',
    '"on"',
    'a.b',
    'a/',
    ' ',
    '\n',
    '\r',
    '\u2028',
    '\u2029',
    '\u0085',
  ];
  let seed = 7;
  const draw = (below: number): number => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % below;
  };
  const found = new Set<boolean>();
  for (let round = 0; round < 4000; round += 1) {
    const text = Array.from({ length: draw(9) }, () => pieces[draw(pieces.length)]).join('');
    const expression = expressions[draw(expressions.length)] ?? '';
    const isThere = new RegExp(expression).test(text);
    found.add(isThere);
    const parts = wildcardParts(expression);
    assert.ok(parts !== undefined, expression);
    assert.equal(hasInLine(text, parts), isThere, `${expression} in ${JSON.stringify(text)}`);
  }
  assert.equal(found.size, 2);
});

for (const expression of [
  'a|b',
  '^on',
  'on$',
  'a+',
  'a{2}',
  '[ab]',
  '(a)',
  'a.b',
  '\\d',
  '\\bon',
  'a.*?b',
  '.*+',
  'a\\',
  '\u2028',
]) {
  test(`${JSON.stringify(expression)} is left to the engine`, () => assert.equal(wildcardParts(expression), undefined));
}

test('a state is searched in the beginning of an answer only, even by the operator’s expressions', () => {
  const late = `${' '.repeat(5000)}status: running`;
  assert.equal(readState(late, DEFAULTS).state, 'unknown');
  assert.equal(readState(late, { ...DEFAULTS, power_on_regex: 'r[u]nning' }).state, 'unknown');
  assert.match(textOf(readState(late, DEFAULTS)), /matches the first 4096 characters/);
  assert.equal(readState('x running', { ...DEFAULTS, power_on_regex: 'r[u]nning' }).state, 'on');
});

test('an expression cannot reach outside its engine', () => {
  const evil = '").constructor.constructor("process.exit()';
  assert.equal(readState('x', { ...DEFAULTS, power_on_regex: 'x).*(y|z' }).kind, 'refused');
  assert.doesNotThrow(() => readState('x', { ...DEFAULTS, power_on_regex: evil }));
});
