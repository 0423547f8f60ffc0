import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PowerOutcomeKind, PowerState } from '../../src/power/outcome.ts';
import type { HttpAttempt } from '../../src/power/web-request.ts';
import { judgeAttempt, readState } from '../../src/power/webhook.ts';

const answer = (status: number, body = '', location?: string): HttpAttempt => ({
  kind: 'answer',
  status,
  body,
  location,
});

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
  [{ kind: 'not-sent', isRefusal: false, text: 'connect ECONNREFUSED' }, 'unreachable', 'unreachable'],
  [{ kind: 'not-sent', isRefusal: true, text: 'the certificate' }, 'refused', 'refused'],
  [{ kind: 'no-answer', text: 'did not answer' }, 'unknown', 'unreachable'],
];
for (const [attempt, changed, asked] of JUDGED) {
  const name = attempt.kind === 'answer' ? `an answer with ${attempt.status}` : attempt.text;
  test(`${name} means ${changed} of a change and ${asked} of a question`, () => {
    assert.equal(judgeAttempt(attempt, true, []).kind, changed);
    assert.equal(judgeAttempt(attempt, false, []).kind, asked);
  });
}

test('a secret that a server sends back is masked', () => {
  assert.equal(judgeAttempt(answer(400, 'no token hunter2'), true, ['hunter2']).text, 'HTTP 400: no token ••••');
  const redirect = judgeAttempt(answer(302, '', 'http://x/?t=hunter2'), true, ['hunter2']);
  assert.doesNotMatch(redirect.text, /hunter2/);
});

const DEFAULTS = { power_on_regex: 'status.*\\:.*running', power_off_regex: 'status.*\\:.*stopped' };
const STATES: readonly (readonly [body: string, state: PowerState])[] = [
  ['{"status": "running"}', 'on'],
  ['{"status": "stopped"}', 'off'],
  ['{"status": "melting"}', 'unknown'],
  ['', 'unknown'],
];
for (const [body, state] of STATES) {
  test(`${body || 'an empty answer'} tells the state ${state}`, () =>
    assert.deepEqual([readState(body, DEFAULTS).kind, readState(body, DEFAULTS).state], ['done', state]));
}

test('an expression that would run for ever is interrupted, and named', () => {
  const judged = readState(`${'a'.repeat(60)}!`, { ...DEFAULTS, power_off_regex: '^(a+)+$' });
  assert.equal(judged.kind, 'refused');
  assert.match(judged.text, /^power_off_regex cannot be searched for within/);
});

test('an answer is searched once, however many of its expressions are too slow', () => {
  const before = process.cpuUsage();
  const judged = readState(`${'a'.repeat(60)}!`, { power_on_regex: '^(a+)+$', power_off_regex: '^(a+)+$' });
  const { user, system } = process.cpuUsage(before);
  assert.match(judged.text, /^power_on_regex cannot be searched for within 500 ms/);
  assert.ok(user + system < 900_000, `it worked for ${user + system} µs`);
});

test('an expression cannot reach out of its engine', () => {
  const evil = '").constructor.constructor("process.exit()';
  assert.equal(readState('x', { ...DEFAULTS, power_on_regex: 'x).*(y|z' }).kind, 'refused');
  assert.doesNotThrow(() => readState('x', { ...DEFAULTS, power_on_regex: evil }));
});
