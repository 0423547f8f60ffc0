// `rackboot power key` and `power check` by root, while the daemon runs as the user who owns the state: they work, and the files that they leave
// belong to that user.
// @host waits

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { AS_NOBODY, NOBODY } from '../support/another-user.ts';
import { missing } from '../support/needs.ts';
import { RunningRack, readableMain, runRackboot, well } from '../support/running-rack.ts';

const PLACE = labPlace(94);

describe('the commands of power by root', {
  skip: missing('linux', 'root', 'setpriv', 'ssh'),
}, () => {
  let rack: RunningRack;
  const rackboot = (...words: string[]) => rack.rackboot(...words);

  /** Everything in the state directory that is not of the daemon's user. */
  const foreign = (): string[] =>
    readdirSync(rack.stateDir, { recursive: true, encoding: 'utf8' }).filter(
      (name) => statSync(join(rack.stateDir, name)).uid !== NOBODY,
    );

  before(async () => {
    rack = new RunningRack(PLACE);
    chmodSync(rack.directory, 0o755);
    execFileSync('chown', ['-R', `${NOBODY}:${NOBODY}`, rack.directory]);
    // As root starts the service's daemon: it becomes the owner of the state.
    await rack.start(readableMain());
  });
  after(() => rack?.remove());

  test('the daemon runs as the owner of the state', () => {
    assert.equal(statSync(`/proc/${rack.pid}`).uid, NOBODY);
  });

  test('power key prints the key, and the key is the owner’s', async () => {
    const { code, output, complaints } = await rackboot('power', 'key');
    assert.deepEqual([code, complaints], [0, []]);
    assert.match(output.join('\n'), /^ssh-ed25519 \S+ rackboot@/);
    assert.equal(statSync(join(rack.stateDir, 'ssh', 'id_ed25519')).uid, NOBODY);
    assert.deepEqual(foreign(), []);
  });

  test('power key prints the same key again', async () => {
    const [one, two] = [await rackboot('power', 'key'), await rackboot('power', 'key')];
    assert.deepEqual(one.output, two.output);
  });

  test('power check asks a hypervisor', { skip: missing('virsh') }, async () => {
    const output = await well(rackboot('power', 'check', 'test:///default'));
    assert.match(output, /^test +running +on$/m);
    assert.deepEqual(foreign(), []);
  });

  test('a user other than root and the owner learns whose it is', async () => {
    chmodSync(rack.stateDir, 0o755);
    const other = AS_NOBODY.map((word) => word.replace(String(NOBODY), '65533'));
    const words = ['power', 'key', '--config', rack.configFile];
    const { code, complaints } = await runRackboot(words, { as: other });
    assert.equal(code, 1);
    assert.match(
      complaints.join('\n'),
      /^rackboot: \S+ cannot be written \(EACCES\): .*run this as nobody or with sudo$/,
    );
  });
});
