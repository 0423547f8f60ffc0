// Every way by which a test starts a daemon starts it with the switch that has borrowed memory overwritten (ground/borrowed-bytes.ts), so that every
// end-to-end test notices data kept without a copy; without the switch, as in service, it is off. `systemd.test.ts` and `service.test.ts` say
// the same of the unit.
// @host alone

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { RackNetwork } from '../e2e/rack-network.ts';
import { endProgram, whileRunning } from '../support/child.ts';
import { missing } from '../support/needs.ts';
import { overwrites, overwriting, withoutOverwriting } from '../support/overwriting.ts';
import { eventually, RunningRack, startQuietly } from '../support/running-rack.ts';

const BIN = join(import.meta.dirname, '..', '..', 'bin', 'rackboot.js');

describe('borrowed memory', { skip: missing('linux') }, () => {
  /** Does something with a rack of loopback, which ends with it. */
  async function withRack(action: (rack: RunningRack) => Promise<void>): Promise<void> {
    const rack = new RunningRack(labPlace(37));
    try {
      await action(rack);
    } finally {
      await rack.remove();
    }
  }

  /** Starts the daemon by the command line; returns whether it overwrites. */
  async function ofCommand(rack: RunningRack, env: NodeJS.ProcessEnv): Promise<boolean> {
    const words = [BIN, 'run', '--config', rack.configFile];
    const child: ChildProcess = spawn(process.execPath, words, { stdio: 'ignore', env });
    try {
      const status = await whileRunning(
        child,
        eventually('the daemon answers', () => rack.status().catch(() => undefined)),
      );
      return overwrites(status.pid);
    } finally {
      await endProgram(child);
    }
  }

  test('is overwritten in a daemon of DaemonProcess', () =>
    withRack(async (rack) => {
      const { pid = 0 } = await rack.start();
      assert.equal((await rack.status()).pid, pid);
      assert.ok(overwrites(pid));
    }));

  test('is overwritten in a daemon whose log is not read', () =>
    withRack(async (rack) => {
      const daemon = await startQuietly(rack);
      try {
        assert.ok(overwrites((await rack.status()).pid));
      } finally {
        await daemon.stop();
      }
    }));

  test('is overwritten in a daemon of the command line, and left alone without the switch', () =>
    withRack(async (rack) => {
      assert.equal(await ofCommand(rack, { ...process.env, ...overwriting() }), true);
      assert.equal(await ofCommand(rack, withoutOverwriting()), false);
    }));

  test('is overwritten in a daemon of RackNetwork, and in one of a program before it', {
    skip: missing('root', 'ip', 'setpriv'),
  }, async () => {
    const rack = new RackNetwork('lent', '10.77.21.1');
    try {
      rack.configure('cluster_interfaces: []\n');
      for (const before of [[], ['setpriv', '--no-new-privs']]) {
        await rack.start(...before);
        const { pid }: { readonly pid: number } = JSON.parse((await rack.rackboot('status', '--json')).out);
        assert.ok(overwrites(pid), before.join(' '));
        await rack.stop();
      }
    } finally {
      await rack.remove();
    }
  });
});
