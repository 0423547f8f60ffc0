// Files that only root may read, named in commands that work as the owner of the state directory.

import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { openRegionStore } from '../../src/store/sqlite/region-sqlite.ts';
import { NOBODY } from '../support/another-user.ts';
import { missing } from '../support/needs.ts';
import { runRackboot } from '../support/running-rack.ts';
import { putPart } from '../support/tree-part.ts';

describe('files that only root may read', { skip: missing('root') }, () => {
  const place = mkdtempSync(join(tmpdir(), 'rackboot-of-root-'));
  const [home, stateDir, config] = [join(place, 'home'), join(place, 'state'), join(place, 'rackboot.yaml')];
  /** As root, from a checkout that the owner of the state can read. */
  const run = async (...args: readonly string[]) => {
    const { code, output, complaints } = await runRackboot(args, { as: ['env'], cwd: home });
    return { code, text: [...output, ...complaints].join('\n') };
  };

  before(() => {
    chmodSync(place, 0o755);
    mkdirSync(home, { mode: 0o700 });
    mkdirSync(stateDir, { mode: 0o700 });
    chownSync(stateDir, NOBODY, NOBODY);
    writeFileSync(config, `name: rack\nstate_dir: ${stateDir}\nregion: { mode: embedded }\n`);
    writeFileSync(join(home, 'password'), 'correct horse battery\n', { mode: 0o600 });
  });
  after(() => rmSync(place, { recursive: true }));

  test('a password is read before the command switches users', async () => {
    for (const words of [
      ['createadmin', '--username', 'ann'],
      ['password', 'ann'],
      ['password', '--username', 'ann'],
    ]) {
      const { code, text } = await run(...words, '--password-file', 'password', '--config', config);
      assert.equal(code, 0, text);
    }
  });

  test("a copy reads the database's password and certificates before it switches users", async () => {
    const database = 'postgresql://rackboot@127.0.0.1:9/rackboot';
    for (const option of ['--password-file', '--ca-file']) {
      const files = [option, join(home, 'password')];
      const { text } = await run('region', 'copy', '--from', `sqlite:${stateDir}`, '--to', database, ...files);
      assert.doesNotMatch(text, /may not read/);
    }
  });

  test('a state directory that a command of root makes belongs to the owner of the directory around it', async () => {
    const around = join(place, 'around');
    mkdirSync(around);
    chownSync(around, NOBODY, NOBODY);
    const data = join(place, 'data');
    await openRegionStore({ stateDir: data }).close();
    for (const path of [data, join(data, 'region.db')]) chownSync(path, NOBODY, NOBODY);
    const backup = join(around, 'region.backup');
    cpSync(join(data, 'region.db'), backup);
    chownSync(backup, NOBODY, NOBODY);
    for (const [name, ...words] of [
      ['accounts', 'createadmin', '--username', 'ann', '--password-file', 'password'],
      ['settings', 'config', 'set', 'boot.kernel_params', 'quiet'],
      ['restored', 'region', 'restore', backup],
      ['copied', 'region', 'copy', '--from', `sqlite:${data}`, '--to', `sqlite:${join(around, 'copied')}`],
    ] as const) {
      const state = join(around, name);
      const file = join(place, `${name}.yaml`);
      writeFileSync(file, `name: hall\nstate_dir: ${state}\nregion: { mode: embedded }\n`);
      const { code, text } = await run(...words, ...(name === 'copied' ? [] : ['--config', file]));
      assert.equal(code, 0, text);
      const owners = [state, join(state, 'region.db')].map((path) => statSync(path).uid);
      assert.deepEqual(owners, [NOBODY, NOBODY], name);
    }
  });

  test("a restored configuration belongs to root, and the service may read it; the state is the service's alone", async () => {
    const [file, backup] = [join(place, 'moved.yaml'), join(home, 'rack.tar')];
    writeFileSync(file, `state_dir: ${stateDir}\ntls: ${place}/key.pem\n`);
    writeFileSync(join(home, 'key.pem'), 'secret', { mode: 0o600 });
    symlinkSync(join(home, 'key.pem'), join(place, 'key.pem'));
    const made = await run('backup', '--check', backup, '--config', file);
    assert.equal(made.code, 0, made.text);
    rmSync(join(place, 'key.pem'));
    const restored = await run('restore', backup, '--force', '--config', file);
    assert.equal(restored.code, 0, restored.text);
    const facts = [file, join(place, 'key.pem'), join(stateDir, 'region.db')].map((path) => statSync(path));
    assert.deepEqual(
      facts.map(({ uid, gid, mode }) => [uid, gid, mode & 0o7777]),
      [
        [0, 0, 0o644],
        [0, NOBODY, 0o640],
        [NOBODY, NOBODY, 0o600],
      ],
    );
    rmSync(backup);
    rmSync(join(home, 'key.pem'));
  });

  test('a bundle that could not be written is removed although the command has switched users', async () => {
    const tree = join(stateDir, 'boot');
    const facts = { os: 'debian', title: 'Debian 12' };
    putPart(tree, 'amd64/generic/bookworm/install', { linux: 'a kernel', 'initrd.gz': 'an initrd' }, facts);
    const exportOf = (name: string) => run('images', 'export', name, 'images.tar', '--config', config);
    const { code, text } = await exportOf('ubuntu/noble');
    assert.equal(code, 1);
    assert.match(text, /there is no image "ubuntu\/noble"/);
    assert.deepEqual(readdirSync(home), ['password']);
    const whole = await exportOf('debian');
    assert.equal(whole.code, 0, whole.text);
    assert.equal(statSync(join(home, 'images.tar')).uid, 0);
    const again = await exportOf('debian');
    assert.match(again.text, /images\.tar already exists: remove it, or name another file/);
    assert.ok(statSync(join(home, 'images.tar')).size > 0);
    const onto = await run('images', 'export', 'debian', './', '--config', config);
    assert.match(onto.text, /: \.\/ is a directory: name a new file in it, such as \.\/images\.tar$/m);
    rmSync(join(home, 'images.tar'));
  });

  test('an image is added as the owner of the tree, whose link leads root nowhere', async () => {
    const [tree, victim, system] = [join(place, 'tree'), join(place, 'victim'), join(home, 'system')];
    for (const path of [join(tree, 'images'), victim, join(system, 'etc'), join(system, 'usr')])
      mkdirSync(path, { recursive: true });
    writeFileSync(join(system, 'etc/os-release'), 'ID=test\n');
    for (const path of [tree, join(tree, 'images')]) chownSync(path, NOBODY, NOBODY);
    const add = () =>
      run('images', 'add', system, '--os', 'custom', '--release', 'x', '--arch', 'amd64', '--tree', tree);
    symlinkSync(victim, join(tree, 'images/.manifests'));
    const refused = await add();
    assert.equal(refused.code, 1, refused.text);
    assert.deepEqual(readdirSync(victim), []);
    rmSync(join(tree, 'images/.manifests'));
    const added = await add();
    assert.equal(added.code, 0, added.text);
    assert.equal(statSync(join(tree, 'images/.manifests')).uid, NOBODY);
    rmSync(system, { recursive: true });
  });

  test('a backup in a directory of root is restored for the owner of the state', async () => {
    await openRegionStore({ stateDir: home }).close();
    const state = join(place, 'empty');
    mkdirSync(state);
    chownSync(state, NOBODY, NOBODY);
    const file = join(place, 'region.yaml');
    writeFileSync(file, `name: hall\nstate_dir: ${state}\nregion: { store: { kind: sqlite } }\n`);
    const backup = join(home, 'region.db');
    const { code, text } = await run('region', 'restore', backup, '--config', file);
    assert.equal(code, 0, text);
    assert.equal(statSync(join(state, 'region.db')).uid, NOBODY);
    const gone = await run('region', 'restore', join(place, 'gone'), '--config', file);
    assert.match(gone.text, /^rackboot: there is no file \S+gone; /);
  });
});
