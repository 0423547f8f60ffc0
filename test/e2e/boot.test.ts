// `rackboot boot`: a machine with the firmware of QEMU boots named files beside the DHCP server of its network, and nothing of it is left; with
// --mac and --range the chosen machine alone gets an address.
// @host waits
// @process own

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { readableCheckout } from '../support/another-user.ts';
import { ended, endProgram, whileRunning } from '../support/child.ts';
import { missing } from '../support/needs.ts';
import { enterOwnNetwork, ip, openPeer, type Peer } from '../support/own-network.ts';
import { eventually } from '../support/running-rack.ts';
import { scratchDirectory } from '../support/scratch.ts';

const skip = missing(
  'linux',
  'root',
  'ip',
  'unshare',
  'nsenter',
  'dnsmasq',
  'busybox',
  'udhcpc',
  'qemu-system-x86_64',
  '/usr/lib/ipxe/undionly.kpxe',
);
/** A kernel by its form, which boots by itself: iPXE. */
const KERNEL = '/usr/lib/ipxe/ipxe.lkrn';
const CHOSEN = '52:54:00:77:40:02';
/** Broadcasts a DISCOVER of a boot client from each of 40 invented hardware addresses. */
const FLOOD = `
  const socket = require('node:dgram').createSocket('udp4');
  socket.bind(68, () => {
    socket.setBroadcast(true);
    let left = 40;
    for (let number = left; number > 0; number -= 1) {
      const message = Buffer.alloc(300);
      message.write('0101060000000001000080', 'hex');
      message.write('0200000000' + number.toString(16).padStart(2, '0'), 28, 'hex');
      message.write('638253633501013c09505845436c69656e74ff', 236, 'hex');
      socket.send(message, 67, '10.77.40.255', () => (left -= 1) || socket.close());
    }
  });`;

describe('booting by one command', { skip }, () => {
  const directory = scratchDirectory();
  const [temporary, initrd] = [join(directory, 'tmp'), join(directory, 'initrd')];
  const programs: ChildProcess[] = [];
  let peer: Peer;

  const boot = (...words: readonly string[]) => {
    const { root, node } = readableCheckout();
    const main = join(root, 'src/main.ts');
    const child = spawn(node, [main, 'boot', '--interface', 'br0', '--kernel', KERNEL, ...words], {
      env: { ...process.env, TMPDIR: temporary },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    programs.push(child);
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => (text += String(part)));
    const said = () => text;
    return {
      child,
      said,
      serves: () =>
        whileRunning(
          child,
          eventually('it serves', () => text.includes('Ctrl-C')),
          said,
        ),
    };
  };

  before(async () => {
    enterOwnNetwork();
    chmodSync(directory, 0o755);
    mkdirSync(temporary);
    chmodSync(temporary, 0o1777);
    writeFileSync(initrd, 'an initrd', { mode: 0o600 });
    peer = await openPeer();
    for (const command of [
      'link add br0 type bridge',
      'address add 10.77.40.1/24 dev br0',
      'link set br0 up',
      'tuntap add tap0 mode tap',
    ])
      ip(command);
    peer.cable('cable0', 'eth0');
    for (const port of ['cable0', 'tap0']) ip(`link set ${port} master br0 up`);
    peer.run('ip', 'address', 'add', '10.77.40.2/24', 'dev', 'eth0');
  });
  after(async () => {
    for (const program of programs) await endProgram(program, 'SIGKILL');
    await peer?.close();
  });

  test('a machine gets its address from the server of the network, and these files from here', {
    timeout: 240_000,
  }, async () => {
    // Its search for an address that answers to a ping would take longer than iPXE asks, after so many invented clients.
    const words = [
      '--no-ping',
      '--keep-in-foreground',
      '--port=0',
      '--pid-file=',
      '--log-facility=-',
      '--dhcp-leasefile=/dev/null',
    ];
    const server = peer.start('dnsmasq', ...words, '--interface=eth0', '--dhcp-range=10.77.40.100,10.77.40.150');
    const { child, said, serves } = boot('--initrd', initrd, '--arguments', 'answer={mac}', '--once');
    await serves();
    // Bits 10 and 13: ports below 1024, raw sockets.
    assert.match(
      readFileSync(`/proc/${child.pid}/status`, 'utf8'),
      /^Uid:\t[1-9]\d*\t[\s\S]*^CapEff:\t0000000000002400\n[\s\S]*^NoNewPrivs:\t1$/m,
    );
    peer.run(process.execPath, '-e', FLOOD);
    await eventually('all invented clients are heard', () => said().includes('02:00:00:00:00:01'));
    const card = `virtio-net-pci,netdev=net,mac=${CHOSEN}`;
    const network = 'tap,id=net,ifname=tap0,script=no,downscript=no';
    const machine = spawn(
      'qemu-system-x86_64',
      ['-accel', 'tcg', '-m', '256', '-display', 'none', '-boot', 'n', '-netdev', network, '-device', card],
      { stdio: 'ignore' },
    );
    programs.push(machine, server);
    assert.equal(await ended(child), 0, said());
    await endProgram(machine, 'SIGKILL');
    await endProgram(server);
    for (const step of [
      /dhcp\.elsewhere .* 10\.77\.40\.1\d\d /,
      /http\.file-sent .*ipxe\.lkrn/,
      /http\.file-sent .*initrd/,
      new RegExp(`^${CHOSEN}$`, 'm'),
    ])
      assert.match(said(), step);
    assert.doesNotMatch(said(), /dhcp\.ack/);
    assert.deepEqual(readdirSync(temporary), []);
  });

  test('as the server of the network it gives the chosen machine an address, and no other, whose downloads do not end it', {
    timeout: 120_000,
  }, async () => {
    peer.run('ip', 'link', 'set', 'eth0', 'down');
    const { child, said, serves } = boot('--mac', CHOSEN, '--range', '10.77.40.100-10.77.40.110', '--once');
    await serves();
    assert.match(said(), /br0 has no carrier yet/);
    peer.run('ip', 'link', 'set', 'eth0', 'up');
    const load = (path: string) => peer.run('busybox', 'wget', '-q', '-O', '-', `http://10.77.40.1:5248/${path}`);
    assert.notEqual(load('boot/0-ipxe.lkrn'), '');
    assert.throws(() => load('MAAS/'), /503/);
    const ask = (mac: string, ...words: readonly string[]) => {
      peer.run('ip', 'link', 'set', 'eth0', 'address', mac);
      const tries = ['-f', '-n', '-q', '-t', '3', '-T', '1', '-s', '/bin/true'];
      return ended(peer.start('busybox', 'udhcpc', '-i', 'eth0', ...tries, ...words));
    };
    for (const words of [
      ['-V', 'PXEClient'],
      ['-V', ''],
      ['-V', '', '-x', '0x5d:0000'],
    ])
      assert.equal(await ask('52:54:00:77:40:03', ...words), 1, words.join(' '));
    assert.equal(await ask(CHOSEN, '-V', 'PXEClient'), 0);
    await eventually('it shows the chosen machine', () => said().includes('dhcp.ack'));
    assert.doesNotMatch(said(), /http\.file-sent/);
    assert.match(said(), /^52:54:00:77:40:03 is not the machine of --mac/m);
    child.kill('SIGINT');
    assert.equal(await ended(child), 0, said());
    assert.deepEqual(readdirSync(temporary), []);
  });

  for (const [words, refusal, code = 2] of [
    [['--iso', KERNEL], /one of --kernel, --iso/],
    [['--initrd', '/nowhere'], /--initrd \/nowhere: there is no such file/],
    [['--mac', 'blue'], /--mac blue/],
    [['--serve', '/nowhere'], /--serve \/nowhere: there is no such directory/],
    [['--serve', '/etc/passwd'], /--serve \/etc\/passwd: there is no such directory/],
    [['--serve', '/root'], /--serve \/root: \S+, who serves it, may not read it/, 1],
    [['--serve', '/'], /--serve \/: everyone could read/],
    [['--range', '10.9.9.1-10.9.9.2'], /^rackboot: --range: 10\.9\.9\.1 /m],
    [['--arguments', 'a={hostname}'], /^rackboot: --arguments: /m],
    [['--range', '10.77.40.100'], /--range 10\.77\.40\.100: expected two addresses/],
  ] as const) {
    test(`${words.join(' ')} is refused`, async () => {
      const { child, said } = boot(...words);
      assert.equal(await ended(child), code);
      assert.match(said(), refusal);
      assert.deepEqual(readdirSync(temporary), []);
    });
  }
});
