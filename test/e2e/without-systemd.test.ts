// The user and the directories of the service where there is no systemd: by the commands of docs/first-machine.md, as printed, they are those
// that systemd makes of the packaged files.
// @host waits

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { commandsOf, partsOf, ROOT, readDocument } from '../documents/markdown.ts';
import { missing } from '../support/needs.ts';
import { enterOwnMounts, removeOwnMounts } from '../support/own-mounts.ts';

const USER = 'rackboot';
const PLACES = ['/etc/rackboot', '/var/lib/rackboot', '/var/lib/rackboot/boot'];

describe('a host without systemd', { skip: missing('linux', 'root', 'mount', 'useradd') }, () => {
  const place = mkdtempSync(join(tmpdir(), 'rackboot-without-systemd-'));
  let path = '';
  const run = (command: string): string =>
    execFileSync('sh', ['-ec', command], { encoding: 'utf8', env: { ...process.env, PATH: path } });

  before(() => {
    path = enterOwnMounts(place);
    rmSync('/etc/rackboot', { recursive: true, force: true });
    spawnSync('userdel', [USER], { stdio: 'ignore' });
    const [, section = ''] = readDocument('docs/first-machine.md').split(/^## Without systemd$/m);
    const [block] = partsOf(section.split(/^## /m)[0] ?? '').filter(({ kind }) => kind === 'block');
    assert.ok(block?.kind === 'block');
    // A file that a command of root left behind.
    run('mkdir -p /var/lib/rackboot && touch /var/lib/rackboot/leases.db');
    for (const command of commandsOf(block).map((shown) => shown.command)) run(command);
  });
  after(() => removeOwnMounts(place));

  test('has the same user', () => {
    const [, , name, home] =
      /^(u) (\S+) - "Rackboot" (\S+)$/m.exec(readFileSync(join(ROOT, 'systemd/rackboot.sysusers.conf'), 'utf8')) ?? [];
    const fields = run(`getent passwd ${USER}`).trim().split(':');
    assert.deepEqual([fields[0], fields[5], fields[6]], [name, home, '/usr/sbin/nologin']);
    assert.ok(Number(fields[2]) < 1000, 'a user of the system');
    assert.equal(run(`id -gn ${USER}`).trim(), USER);
  });

  test('has the same directories, and what root left belongs to the user', () => {
    const lines = readFileSync(join(ROOT, 'systemd/rackboot.tmpfiles.conf'), 'utf8').matchAll(
      /^d (\S+) 0(\d+) (\w+) (\w+) /gm,
    );
    const wanted = [...lines].map(([, directory, mode, user, group]) => `${directory} ${mode} ${user} ${group}`);
    assert.deepEqual(
      run(`stat -c '%n %a %U %G' ${PLACES.join(' ')}`)
        .trim()
        .split('\n'),
      wanted,
    );
    assert.equal(run('stat -c %U /var/lib/rackboot/leases.db').trim(), USER);
  });

  test('checks a region before its first start as that user, who must be able to read the password', () => {
    const [file, password] = ['/etc/rackboot/region.yaml', '/etc/rackboot/database-password'];
    const store = `{ kind: postgresql, url: "postgresql:///x?host=/run", password_file: ${password} }`;
    writeFileSync(file, `state_dir: /var/lib/rackboot-region\nregion: { store: ${store} }\n`);
    writeFileSync(password, 'hush\n', { mode: 0o640 });
    const check = (): { readonly status: number | null; readonly stderr: string } =>
      spawnSync('rackboot', ['region', 'check'], { encoding: 'utf8', env: { ...process.env, PATH: path } });
    const refused = check();
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /password_file: rackboot may not read \S+: it belongs to root; let rackboot read it/);
    run(`chgrp ${USER} ${password}`);
    const { status, stderr } = check();
    assert.equal(status, 0, stderr);
  });
});
