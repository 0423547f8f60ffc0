import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PowerOutcomeKind, PowerState } from '../../src/power/outcome.ts';
import type { HttpAttempt, WebFault } from '../../src/power/web-request.ts';
import { judgeAttempt, parsePowerState } from '../../src/power/webhook.ts';
import { textOf } from '../support/sentences.ts';

const answer = (status: number, body = '', location?: string): HttpAttempt => ({
  kind: 'answer',
  status,
  body,
  location,
  fields: {},
  fingerprint: undefined,
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
    parsePowerState(body, DEFAULTS),
    parsePowerState(body, { ...DEFAULTS, power_on_regex: 'another' }),
    parsePowerState(body, { ...DEFAULTS, power_on_regex: '^(.+)+!$' }),
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
    assert.deepEqual([parsePowerState(body, DEFAULTS).kind, parsePowerState(body, DEFAULTS).state], ['done', state]));
}

/** How long some work occupies the thread, in milliseconds of processor time. */
function workedMs(work: () => void): number {
  const before = process.threadCpuUsage();
  work();
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1000;
}

test('an expression on which others search for ever is searched at once', () => {
  const text = `${'a'.repeat(4000)}!`;
  assert.equal(parsePowerState(text, { ...DEFAULTS, power_on_regex: '^(a+)+$' }).state, 'unknown');
  assert.equal(parsePowerState(text, { ...DEFAULTS, power_on_regex: '^(a+)+!$' }).state, 'on');
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
      const judged = parsePowerState(body, DEFAULTS);
      assert.deepEqual([judged.kind, judged.state], ['done', 'unknown']);
      judgeAttempt(answer(500, body), true, []);
    });
    assert.ok(worked < 30, `it worked for ${worked} ms`);
  });
}

test('a state is searched in the beginning of an answer only, even by the operator’s expressions', () => {
  const late = `${' '.repeat(5000)}status: running`;
  assert.equal(parsePowerState(late, DEFAULTS).state, 'unknown');
  assert.equal(parsePowerState(late, { ...DEFAULTS, power_on_regex: 'r[u]nning' }).state, 'unknown');
  assert.match(textOf(parsePowerState(late, DEFAULTS)), /matches the first 4096 characters/);
  assert.equal(parsePowerState('x running', { ...DEFAULTS, power_on_regex: 'r[u]nning' }).state, 'on');
});
