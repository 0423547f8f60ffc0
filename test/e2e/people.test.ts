// `rackboot users`, `password` and `tags` with a running daemon: their effects, the refusals that guard them, and that no password is
// shown. Their answers to a misspelt name, and further refusals, are in the long suite.
// @host waits

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { askDaemon } from '../../src/control/ask-daemon.ts';
import { type LabPlace, labPlace } from '../../src/lab/safe-lab.ts';
import { missing } from '../support/needs.ts';
import { RunningRack } from '../support/running-rack.ts';

const FIRST = 'correct horse battery';
const SECOND = 'another staple';

/** A rack, and what its tests ask of it. Start it first. */
class PeopledRack {
  readonly rack: RunningRack;
  readonly #port: number;
  /** The file with FIRST. */
  readonly first: string;

  constructor(place: LabPlace) {
    this.#port = place.regionPort;
    this.rack = new RunningRack(place);
    this.first = this.file('first', FIRST);
  }

  /** Runs a command, which must show no password. */
  async run(...args: readonly string[]) {
    const { code, output, complaints } = await this.rack.rackboot(...args);
    const text = [...output, ...complaints].join('\n');
    for (const secret of [FIRST, SECOND]) assert.ok(!text.includes(secret), 'no password is shown');
    return { code, text, out: output.join('\n') };
  }

  /** Writes a file that only its owner reads. @returns its path */
  file(name: string, text: string): string {
    const path = join(this.rack.stateDir, name);
    writeFileSync(path, `${text}\n`, { mode: 0o600 });
    return path;
  }

  /** @returns true if the region took the password */
  async signIn(username: string, password: string): Promise<boolean> {
    const form = new URLSearchParams({ username, password, to: '/MAAS/' });
    const answer = await fetch(`http://127.0.0.1:${this.#port}/MAAS/login/`, {
      method: 'POST',
      body: form,
      redirect: 'manual',
    });
    return answer.status === 303;
  }

  async addMachine(hostname: string, mac: string): Promise<void> {
    const form = new URLSearchParams({ hostname, mac_addresses: mac, architecture: 'amd64', commission: 'false' });
    await askDaemon(this.rack.stateDir, '/MAAS/api/2.0/machines/', 'POST', form.toString());
  }
}

test('accounts, passwords and tags by the command line', { skip: missing('linux') }, async (t) => {
  const people = new PeopledRack(labPlace(96));
  const { rack, first } = people;
  after(() => rack.remove());
  await rack.startWhole();

  await t.test('users are added, listed and removed', async () => {
    assert.equal((await people.run('createadmin', '--username', 'ann', '--password-file', first)).code, 0);
    const added = await people.run('users', 'add', 'bob', '--email', 'bob@example.org', '--password-file', first);
    assert.deepEqual([added.code, added.out], [0, 'bob is a user.']);
    assert.match((await people.run('users', 'list')).out, /^ann +administrator/m);
    const last = await people.run('users', 'remove', 'ann');
    assert.notEqual(last.code, 0);
    assert.match(last.text, /ann is the last administrator/);
  });

  await t.test('a password is reset, and one that is too short is refused', async () => {
    assert.equal(await people.signIn('bob', FIRST), true);
    const second = people.file('second', `${SECOND}\n\na note`);
    assert.equal((await people.run('password', 'bob', '--password-file', second)).code, 0);
    assert.equal(await people.signIn('bob', FIRST), false);
    assert.equal(await people.signIn('bob', SECOND), true);
    const refused = await people.run('password', 'bob', '--password-file', people.file('short', 'abc'));
    assert.equal(refused.code, 2, refused.text);
    assert.match(refused.text, /at least 4 characters/);
    const log = JSON.stringify(await askDaemon(rack.stateDir, '/MAAS/api/2.0/events/?op=query&level=AUDIT'));
    assert.match(log, /changed the password of bob/);
    assert.ok(!log.includes(SECOND) && !log.includes('scrypt'));
    assert.equal((await people.run('users', 'remove', 'bob')).code, 0);
    assert.equal(await people.signIn('bob', SECOND), false);
  });

  await t.test('tags are added, given to machines, listed, changed and removed', async () => {
    await people.addMachine('m1', '52:54:00:96:00:01');
    const words = ['--comment', 'a console', '--kernel-opts', 'console=ttyS0'];
    assert.equal((await people.run('tags', 'add', 'serial', ...words)).code, 0);
    assert.match((await people.run('tags', 'list')).out, /^serial +0 +console=ttyS0 +a console$/m);
    const given = await people.run('tags', 'update-nodes', 'serial', '--add', 'm1');
    assert.equal(given.code, 0, given.text);
    assert.match((await people.run('tags', 'list')).out, /^serial +1 +console=ttyS0 +a console$/m);
    const machines = JSON.stringify(await askDaemon(rack.stateDir, '/MAAS/api/2.0/tags/serial/?op=machines'));
    assert.match(machines, /"hostname":"m1"/);
    const changed = await people.run('tags', 'set', 'serial', '--rename', 'console', '--comment', '');
    assert.equal(changed.code, 0, changed.text);
    assert.match((await people.run('tags', 'list')).out, /^console +1 +console=ttyS0$/m);
    assert.equal((await people.run('tags', 'remove', 'console')).code, 0);
  });
});
