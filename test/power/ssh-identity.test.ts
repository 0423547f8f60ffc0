// The SSH key for hypervisors, and how processes agree on one through the store of their region.

import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { systemClock } from '../../src/ground/clock.ts';
import { RackError } from '../../src/ground/errors.ts';
import { openSshIdentity, readPublicKey, type SshKeyStore } from '../../src/power/ssh-identity.ts';
import { missing } from '../support/needs.ts';

const isRefused = (error: unknown): boolean => error instanceof RackError && error.code === 'tool-failed';

describe('the SSH key for hypervisors', { skip: missing('linux', 'ssh') }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-ssh-'));
  after(() => rmSync(directory, { recursive: true }));

  const stateDir = (): string => mkdtempSync(join(directory, 'state-'));
  const read = (dir: string, name = 'id_ed25519'): string => readFileSync(join(dir, 'ssh', name), 'utf8');

  class Store implements SshKeyStore {
    key: string | undefined;

    async find() {
      return this.key;
    }

    async keep(privateKey: string) {
      this.key ??= privateKey;
      return this.key;
    }
  }

  test('is made once, in the file and in the store', async () => {
    const [dir, store] = [stateDir(), new Store()];
    const first = await readPublicKey(await openSshIdentity(dir, systemClock, store), systemClock);
    assert.equal(store.key, read(dir));
    assert.equal(await readPublicKey(await openSshIdentity(dir, systemClock, store), systemClock), first);
    assert.equal(statSync(join(dir, 'ssh', 'id_ed25519')).mode & 0o777, 0o600);
  });

  test('of a directory becomes that of a store without one', async () => {
    const [dir, store] = [stateDir(), new Store()];
    await openSshIdentity(dir, systemClock);
    const own = read(dir);
    await openSshIdentity(dir, systemClock, store);
    assert.equal(store.key, own);
    assert.equal(read(dir), own);
  });

  test('of the store replaces another in the file, which is kept next to it', async () => {
    const [one, two, store] = [stateDir(), stateDir(), new Store()];
    await openSshIdentity(one, systemClock, store);
    await openSshIdentity(two, systemClock);
    const former = read(two);
    const { key } = await openSshIdentity(two, systemClock, store);
    assert.equal(read(two), read(one));
    assert.equal(read(two, 'id_ed25519.former'), former);
    assert.equal(statSync(key).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(join(two, 'ssh')).sort(), ['connect', 'id_ed25519', 'id_ed25519.former']);
    rmSync(key);
    await openSshIdentity(two, systemClock, store);
    assert.equal(read(two), read(one), 'a removed file is written again');
  });

  test('is the same for two processes that need it at the same time', async () => {
    const store = new Store();
    const dirs = Array.from({ length: 4 }, stateDir);
    await Promise.all(dirs.map((dir) => openSshIdentity(dir, systemClock, store)));
    assert.deepEqual(new Set(dirs.map((dir) => read(dir))), new Set([store.key]));
  });

  test('is undefined if the file holds something else', async () => {
    const [dir, store] = [stateDir(), new Store()];
    mkdirSync(join(dir, 'ssh'));
    writeFileSync(join(dir, 'ssh', 'id_ed25519'), 'no key\n', { mode: 0o600 });
    await assert.rejects(openSshIdentity(dir, systemClock, store), isRefused);
    assert.equal(store.key, undefined);
    assert.ok(existsSync(join(dir, 'ssh', 'id_ed25519')));
  });
});
