// Virtual machines are switched by virsh: libvirt's test driver, QEMU under a libvirtd of the test, and that over SSH.
// @host waits, 60 s

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, test } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import { type PowerCommand, performCommand } from '../../src/power/command.ts';
import type { PowerPort } from '../../src/power/driver.ts';
import { openSshIdentity, readPublicKey } from '../../src/power/ssh-identity.ts';
import { listGuests, parseHypervisor, virsh } from '../../src/power/virsh.ts';
import { TestHypervisor } from '../support/hypervisor.ts';
import { missing } from '../support/needs.ts';
import { spoken, textOf } from '../support/sentences.ts';

const ROOT = dirname(dirname(import.meta.dirname));
const skip = missing('root', 'linux', 'virsh', 'libvirtd', 'qemu-system-x86_64', '/usr/sbin/sshd', 'ssh', 'nc');

describe('virsh', { skip }, () => {
  const directory = skip === false ? mkdtempSync(join(tmpdir(), 'rackboot-virsh-')) : '';
  const stateDir = join(directory, 'state');
  const surroundings = { clock: systemClock, sshIdentity: () => openSshIdentity(stateDir, systemClock) };
  const signal = new AbortController().signal;
  const open = (uri: string, guest: string): PowerPort => {
    const opened = virsh.open('abc', { power_address: uri, power_id: guest }, surroundings);
    assert.ok(opened.kind === 'open', JSON.stringify(opened));
    return opened.port;
  };
  const perform = (port: PowerPort, command: PowerCommand) =>
    performCommand(port, command, { clock: systemClock, signal });
  let hypervisor: TestHypervisor | undefined;
  after(async () => {
    await hypervisor?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  test('the machines of libvirt’s test driver are listed and queried', async () => {
    const host = parseHypervisor('test:///default');
    assert.ok(host !== undefined);
    assert.deepEqual(await listGuests(host, surroundings, signal), {
      kind: 'guests',
      guests: [{ name: 'test', words: 'running', state: 'on' }],
    });
    const port = open('test:///default', 'test');
    assert.deepEqual(await port.query(signal), { kind: 'done', state: 'on', detail: spoken('running') });
    // Each connection starts from the same state: a machine that was switched off is on again.
    assert.equal((await port.off('hard', signal)).kind, 'done');
    assert.equal(textOf(await port.on(signal)), 'Domain is already active');
    assert.equal((await open('test:///default', '--help').on(signal)).kind, 'refused');
  });

  test('a real virtual machine is started, restarted, and switched off', async () => {
    hypervisor = await TestHypervisor.start(directory);
    hypervisor.define('netboot', 'network');
    hypervisor.define('a disk', 'hd');
    const port = open(hypervisor.uri, 'netboot');
    assert.equal((await port.query(signal)).state, 'off', hypervisor.log);
    const started = await perform(port, { kind: 'on', netboot: true });
    assert.deepEqual([started.kind, started.state, textOf(started)], ['done', 'on', "Domain 'netboot' started"]);
    const cycled = await perform(port, { kind: 'cycle', netboot: true });
    assert.deepEqual([cycled.kind, cycled.state], ['done', 'on'], textOf(cycled));
    const asked = await perform(port, { kind: 'off', manner: 'soft' });
    assert.equal(asked.kind, 'done', textOf(asked));
    const ended = await perform(port, { kind: 'off', manner: 'hard' });
    assert.deepEqual([ended.kind, ended.state], ['done', 'off'], textOf(ended));
    assert.equal((await port.off('hard', signal)).kind, 'done');
    const disk = await perform(open(hypervisor.uri, 'a disk'), { kind: 'on', netboot: true });
    assert.deepEqual([disk.kind, disk.state], ['done', 'on']);
    assert.match(textOf(disk), /does not boot from the network first/);
    assert.equal((await open(hypervisor.uri, 'a disk').off('hard', signal)).kind, 'done');
  });

  test('a host is reached over SSH with our own key, and refused if it changes its own', async () => {
    assert.ok(hypervisor !== undefined);
    const identity = await openSshIdentity(stateDir, systemClock);
    assert.equal(statSync(identity.key).mode & 0o777, 0o600);
    assert.equal(statSync(dirname(identity.key)).mode & 0o777, 0o700);
    const own = await readPublicKey(identity, systemClock);
    assert.match(own, /^ssh-ed25519 \S+ rackboot@/);
    const ssh = await hypervisor.startSsh(own);
    const uri = `qemu+ssh://root@127.0.0.1:${ssh.port}/session?socket=${hypervisor.socket}&proxy=netcat`;
    const port = open(uri, 'netboot');
    const started = await perform(port, { kind: 'on', netboot: true });
    assert.deepEqual([started.kind, started.state], ['done', 'on'], textOf(started));
    assert.equal((await perform(port, { kind: 'off', manner: 'hard' })).state, 'off');
    assert.equal(
      readFileSync(join(dirname(identity.key), 'known_hosts'), 'utf8')
        .trim()
        .split('\n').length,
      1,
    );

    const config = join(directory, 'rackboot.yaml');
    writeFileSync(config, `name: rack-1\nstate_dir: ${stateDir}\n`);
    const rackboot = (...args: readonly string[]) =>
      spawnSync(process.execPath, [join(ROOT, 'src/main.ts'), 'power', ...args, '--config', config], {
        encoding: 'utf8',
      });
    const checked = rackboot('check', uri);
    assert.equal(checked.status, 0, checked.stderr);
    assert.match(checked.stdout, /^netboot +shut off +off$/m);
    assert.match(checked.stdout, /^a disk +shut off +off$/m);
    assert.equal(rackboot('key').stdout, `${own}\n`);

    const stranger = { ...surroundings, sshIdentity: () => openSshIdentity(join(directory, 'other'), systemClock) };
    const host = parseHypervisor(uri);
    assert.ok(host !== undefined);
    const list = await listGuests(host, stranger, signal);
    assert.equal(list.kind === 'failed' ? list.outcome.kind : list.kind, 'wrong-credentials');

    await ssh.changeHostKey();
    const refused = await port.on(signal);
    assert.equal(refused.kind, 'refused', textOf(refused));
    assert.match(textOf(refused), /host's key has changed/);
  });

  test('a host without a running libvirtd is unreachable', async () => {
    assert.ok(hypervisor !== undefined);
    await hypervisor.stop();
    const answer = await open(hypervisor.uri, 'netboot').on(signal);
    assert.equal(answer.kind, 'unreachable', textOf(answer));
  });
});
