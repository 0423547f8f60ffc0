// Ownership of ports: other servers are found at start and kept away afterwards.
// @host waits

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, it } from 'node:test';
import { ANY, formatIpv4, type Ipv4, parseIpv4 } from '../../../src/ground/address.ts';
import type { DatagramSocket, HostNetwork, SocketRequest } from '../../../src/net/datagrams/datagram.ts';
import { openNetwork } from '../../../src/net/datagrams/udp-linux.ts';
import { findErrorName, loadLibc } from '../../../src/net/linux/libc.ts';
import {
  AF_INET,
  encodeDeviceName,
  encodeInt,
  encodeSocketAddress,
  SO_BINDTODEVICE,
  SO_REUSEADDR,
  SOCK_DGRAM,
  SOCK_FLAGS,
  SOL_SOCKET,
} from '../../../src/net/linux/wire-structs.ts';
import { endProgram, whileRunning } from '../../support/child.ts';
import { missing } from '../../support/needs.ts';
import { enterOwnNetwork, ip } from '../../support/own-network.ts';

const SKIP = missing('linux', 'root', 'ip');
if (SKIP === false) {
  enterOwnNetwork();
  for (const name of ['rba', 'rbb']) ip(`link add ${name}0 type veth peer name ${name}1`);
  for (const name of ['rba0', 'rba1', 'rbb0', 'rbb1']) ip(`link set ${name} up`);
  ip('addr add 10.20.0.1/24 dev rba0');
  ip('addr add 10.30.0.1/24 dev rbb0');
}

const addr = (text: string): Ipv4 => parseIpv4(text) ?? assert.fail(text);
const PORT = 6767;
const opened = new Set<{ close(): unknown }>();

afterEach(async () => {
  for (const each of opened) await each.close();
  opened.clear();
});

async function network(): Promise<HostNetwork> {
  const made = await openNetwork();
  opened.add(made);
  return made;
}

function open(on: HostNetwork, request: Partial<SocketRequest>): Promise<DatagramSocket> {
  return on.open({ address: ANY, port: PORT, shared: true, broadcast: true, onDatagrams() {}, ...request });
}

/** The result of another process that binds here; a socket that it gets stays open until the test ends. */
function strangerBinds(address: string, device: string | undefined, reuse: boolean): string {
  const libc = loadLibc();
  const fd = libc.socket(AF_INET, SOCK_DGRAM | SOCK_FLAGS, 0);
  opened.add({ close: () => libc.close(fd) });
  if (device !== undefined) {
    const name = encodeDeviceName(device);
    libc.setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, name.length);
  }
  if (reuse) libc.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, encodeInt(1), 4);
  const place = encodeSocketAddress(addr(address), PORT);
  return libc.bind(fd, place, place.length) === 0 ? 'bound' : findErrorName(libc.errno());
}

/** A server in another process that has the port at `address`, as dnsmasq would, with SO_REUSEADDR. */
async function startOtherServer(address: string): Promise<number> {
  const code = `const s=require('dgram').createSocket({type:'udp4',reuseAddr:true});s.bind(${PORT},'${address}',()=>console.log('ready'))`;
  const other = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  opened.add({
    close: async () => void (await endProgram(other)),
  });
  await whileRunning(other, once(other.stdout, 'data'));
  return other.pid ?? 0;
}

describe('a port that another server has', { skip: SKIP }, () => {
  for (const [what, request, at] of [
    ['a device', { device: 'rba0', source: addr('10.20.0.1') }, '0.0.0.0'],
    ['an address', { address: addr('10.20.0.1') }, '0.0.0.0'],
    ['an address', { address: addr('10.20.0.1') }, '10.20.0.1'],
    ['an address that we share with nobody', { address: addr('10.20.0.1'), shared: false }, '10.20.0.1'],
  ] as const) {
    it(`is refused to ${what} when the other has ${at}, and the refusal names the other`, async () => {
      const pid = await startOtherServer(at);
      await assert.rejects(open(await network(), request), {
        code: 'address-in-use',
        message: new RegExp(`:${PORT}.* is in use by node.* \\(process ${pid}\\); stop that program`),
      });
    });
  }

  it('is open to a device when the other has another device, as libvirt has', async () => {
    assert.equal(strangerBinds('0.0.0.0', 'rbb0', true), 'bound');
    const ours = await network();
    await open(ours, { device: 'rba0', source: addr('10.20.0.1') });
    await open(ours, { address: addr('10.20.0.1') });
  });
});

describe('a port that we have', { skip: SKIP }, () => {
  const cases: readonly (readonly [string, string, string | undefined, string])[] = [
    ['the wildcard address', '0.0.0.0', undefined, 'EADDRINUSE'],
    ['our device', '0.0.0.0', 'rba0', 'EADDRINUSE'],
    ['our address', '10.20.0.1', undefined, 'EADDRINUSE'],
    ['another device', '0.0.0.0', 'rbb0', 'bound'],
  ];
  for (const [what, address, device, expected] of cases) {
    it(`${expected === 'bound' ? 'is open' : 'is refused'} to a server that wants ${what}, though it offers to share`, async () => {
      const ours = await network();
      await open(ours, { device: 'rba0', source: addr('10.20.0.1') });
      await open(ours, { address: addr('10.20.0.1') });
      assert.equal(strangerBinds(address, device, true), expected);
    });
  }

  it('is refused to every server while a device is added to our set, and afterwards', async () => {
    const ours = await network();
    await open(ours, { device: 'rba0' });
    await open(ours, { address: addr('10.20.0.1') });
    const adding = open(ours, { device: 'rbb0' });
    assert.equal(strangerBinds('0.0.0.0', 'rba0', true), 'EADDRINUSE');
    await adding;
    for (const device of ['rba0', 'rbb0', undefined])
      assert.equal(strangerBinds('0.0.0.0', device, true), 'EADDRINUSE');
  });

  it('is refused to every server when we have it at an address alone', async () => {
    await open(await network(), { address: addr('10.20.0.1'), shared: false });
    for (const address of ['0.0.0.0', '10.20.0.1']) assert.equal(strangerBinds(address, undefined, true), 'EADDRINUSE');
    assert.equal(strangerBinds('10.30.0.1', undefined, false), 'bound');
  });

  it('is found in use when we add a device that another server has, though it offers to share', async () => {
    const ours = await network();
    await open(ours, { device: 'rba0' });
    await open(ours, { address: addr('10.20.0.1') });
    assert.equal(strangerBinds('0.0.0.0', 'rbb0', true), 'bound');
    await assert.rejects(open(ours, { device: 'rbb0' }), {
      code: 'address-in-use',
      message: /0\.0\.0\.0:6767 on rbb0/,
    });
  });

  it('may be opened in any order and closed and opened again', async () => {
    const ours = await network();
    for (let round = 0; round < 3; round += 1) {
      const sockets = [
        await open(ours, { address: addr('10.20.0.1') }),
        await open(ours, { device: 'rba0' }),
        await open(ours, { address: addr('10.30.0.1') }),
        await open(ours, { device: 'rbb0' }),
      ];
      assert.deepEqual(
        sockets.map((each) => `${each.interfaceName ?? formatIpv4(each.localAddress)} ${each.localPort}`),
        ['10.20.0.1 6767', 'rba0 6767', '10.30.0.1 6767', 'rbb0 6767'],
      );
      for (const each of sockets) each.close();
    }
  });

  it('is opened once: a second socket of our own is refused', async () => {
    const ours = await network();
    for (const request of [{ device: 'rba0', source: addr('10.20.0.1') }, { address: addr('10.20.0.1') }]) {
      await open(ours, request);
      await assert.rejects(open(ours, request), { code: 'address-in-use', message: /in use by this process itself/ });
    }
  });

  it('is not opened by a network that was closed', async () => {
    const ours = await network();
    await ours.close();
    await assert.rejects(open(ours, { device: 'rba0' }), { code: 'not-running' });
  });
});
