// @host waits
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { AS_NOBODY, readableCheckout } from '../../support/another-user.ts';
import { missing } from '../../support/needs.ts';
import { enterOwnNetwork } from '../../support/own-network.ts';
import { converse, type LoopbackReport } from './loopback-conversation.ts';

const ROOT = missing('root', 'ip') === false;
if (ROOT) enterOwnNetwork();

function converseAsNobody(): LoopbackReport {
  const { root, node } = readableCheckout();
  const [program = '', ...words] = [...AS_NOBODY, node, join(root, 'test/e2e/net/loopback-conversation.ts')];
  return JSON.parse(execFileSync(program, words, { encoding: 'utf8', timeout: 20_000 }));
}

/** Each broadcast is heard once, by the device socket alone; what goes to the address, by the address socket alone. */
function check(report: LoopbackReport): void {
  assert.deepEqual(report.sendErrors, []);
  assert.deepEqual(report.heard, [
    'device heard discover from 127.0.0.1, client',
    'client heard broadcast from 127.77.0.1, server',
    'client heard hardware from 127.77.0.1, server',
    'client heard unicast from 127.77.0.1, server',
    'address heard renew from 127.0.0.1, client',
  ]);
}

describe('a DHCP conversation over loopback', () => {
  it('works', { skip: missing('linux') }, async () => {
    check(await converse());
  });

  it('works for a user without any privilege', { skip: missing('root', 'setpriv') }, () => {
    check(converseAsNobody());
  });
});
