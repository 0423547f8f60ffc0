// The agent of a simulated machine: its scripts' results agree with the outcome of its work.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runJob } from '../../src/lab/simulated-agent.ts';

const JOB = 'job=commission\nscripts=3\n';
const SCRIPTS = '1 builtin 60 inventory\n2 builtin 60 memory\n3 builtin 60 link\n';

/** The signals to the region while a machine is commissioned. */
function signals(fault: string | undefined, purpose = 'commissioning', urls: string[] = []): URLSearchParams[] {
  const work = runJob({ url: 'http://rack/MAAS', report: 'report', cloudInit: false, fault });
  const sent: URLSearchParams[] = [];
  for (let next = work.next(); next.done !== true; ) {
    const { url, body = '' } = next.value;
    if (url.endsWith('/signal')) sent.push(new URLSearchParams(body));
    urls.push(url);
    const text = url.endsWith('/job') ? `${JOB}purpose=${purpose}\n` : url.endsWith('/scripts') ? SCRIPTS : '';
    next = work.next({ status: 200, text });
  }
  return sent;
}

const ended = (sent: readonly URLSearchParams[]): (string | null)[][] =>
  sent.filter((one) => one.has('ended')).map((one) => [one.get('script'), one.get('exit_status')]);

test('every script of a machine without a fault passes, and so does the machine', () => {
  const sent = signals(undefined);
  assert.deepEqual(ended(sent), [
    ['inventory', '0'],
    ['memory', '0'],
    ['link', '0'],
  ]);
  assert.equal(sent.at(-1)?.get('status'), 'OK');
});

test('a machine with a fault fails because its memory test fails, which names the fault', () => {
  const sent = signals('bank 1 has errors');
  assert.deepEqual(ended(sent), [
    ['inventory', '0'],
    ['memory', '1'],
    ['link', '0'],
  ]);
  const memory = sent.find((one) => one.get('script') === 'memory' && one.has('ended'));
  assert.equal(memory?.get('offset'), '0');
  assert.equal(Buffer.from(memory?.get('output_base64') ?? '', 'base64').toString(), 'bank 1 has errors\n');
  assert.deepEqual([sent.at(-1)?.get('status'), sent.at(-1)?.get('message')], ['FAILED', 'bank 1 has errors']);
});

test('a machine reports its hardware to be commissioned, and not to be tested', () => {
  for (const [purpose, isReported] of [
    ['commissioning', true],
    ['testing', false],
  ] as const) {
    const urls: string[] = [];
    const sent = signals(undefined, purpose, urls);
    assert.equal(urls.includes('http://rack/MAAS/api/2.0/machines/'), isReported, purpose);
    assert.equal(sent.at(-1)?.get('status'), 'OK');
  }
});

test('a machine whose rack does not know yet that its disk is written restarts, and keeps what is on its disk', () => {
  const work = runJob({ url: 'http://rack/MAAS', report: 'report', cloudInit: true, fault: undefined });
  work.next();
  assert.deepEqual(work.next({ status: 200, text: 'job=reboot\n' }).value, { kind: 'restart', cloudConfig: undefined });
});
