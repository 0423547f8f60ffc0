// The DNS server on real loopback sockets, asked by dig, the npm package dns2 and hand-made TCP clients. Foreign clients use
// other addresses of 127.0.0.0/8.
// @host waits

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import dns2 from 'dns2';
import { makeLookUp } from '../../src/daemon/rack/server-names.ts';
import type { ConfiguredRecord, DnsConfig } from '../../src/dns/config.ts';
import { decodeMessage, encodeUpstreamQuery } from '../../src/dns/message.ts';
import { Names } from '../../src/dns/names.ts';
import { DnsServer } from '../../src/dns/server.ts';
import { FrameReader, frame, IDLE_MS } from '../../src/dns/stream.ts';
import { formatIpv4 } from '../../src/ground/address.ts';
import { type Clock, sleep, systemClock } from '../../src/ground/clock.ts';
import { RackError } from '../../src/ground/errors.ts';
import type { RackEvent } from '../../src/ground/event.ts';
import type { HostNetwork } from '../../src/net/datagrams/datagram.ts';
import { openNetwork } from '../../src/net/datagrams/udp-linux.ts';
import { configureAnywhere, net, SITE } from '../dns/fixture.ts';
import { eventuallyWithin } from '../support/eventually.ts';
import { ip } from '../support/lab-facts.ts';
import { missing } from '../support/needs.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const run = promisify(execFile);
const LOOPBACK = ip('127.0.0.1');
const ONLY_US = [net('127.0.0.1/32')];

async function serve(network: HostNetwork, changes: Partial<DnsConfig>, clock: Clock = systemClock) {
  const names = new Names({ serial: 1 });
  const events: RackEvent[] = [];
  const server = new DnsServer({ network, clock, publish: (event) => events.push(event), names });
  const config: DnsConfig = { ...SITE, listen: [LOOPBACK], listenPort: 0, clients: ONLY_US, ...changes };
  await configureAnywhere(server, config);
  const port = server.listeners[0]?.port ?? 0;
  return { names, server, events, port, config };
}

type Served = Awaited<ReturnType<typeof serve>>;

const LARGE: readonly ConfiguredRecord[] = Array.from({ length: 200 }, (_, index) => ({
  name: 'large.outside.example',
  type: 'TXT',
  data: `line ${index} ${'x'.repeat(40)}`,
}));

describe('DNS on loopback', { skip: missing('dig') }, () => {
  let network: HostNetwork;
  let outside: Served;
  let rack: Served;

  before(async () => {
    network = await openNetwork();
    const records: ConfiguredRecord[] = [
      { name: 'www.outside.example', type: 'A', data: '192.0.2.80', ttl: 60 },
      ...LARGE,
    ];
    outside = await serve(network, { domains: ['outside.example'], records });
    rack = await serve(network, {
      upstream: [{ address: LOOPBACK, port: outside.port }],
      records: [
        { name: 'alias.maas', type: 'CNAME', data: 'www.outside.example' },
        { name: 'node1.maas', type: 'SSHFP', data: `4 2 ${'9f'.repeat(32)}` },
        { name: 'node1.maas', type: 'CAA', data: '128 issue "ca.example.net; account=1"' },
        { name: 'node1.maas', type: 'AAAA', data: '2001:db8::1' },
      ],
    });
    rack.names.setMachines([{ fqdn: 'node1.maas', address: ip('10.20.0.10') }]);
  });

  after(async () => {
    await rack?.server.close();
    await outside?.server.close();
    await network?.close();
  });

  const dig = async (...args: string[]): Promise<string> => {
    const all = ['@127.0.0.1', '-p', String(rack.port), '+tries=1', '+time=5', ...args];
    return (await run('dig', all)).stdout.trim();
  };

  const short: readonly [string, readonly string[], string][] = [
    ['a machine by UDP', ['node1.maas'], '10.20.0.10'],
    ['a machine by TCP', ['+tcp', 'node1.maas'], '10.20.0.10'],
    ['a machine without EDNS', ['+noedns', 'node1.maas'], '10.20.0.10'],
    [
      'a machine with cookies and other options of EDNS',
      ['+cookie', '+nsid', '+subnet=10.0.0.0/8', 'node1.maas'],
      '10.20.0.10',
    ],
    ['the key of a machine', ['node1.maas', 'SSHFP'], `4 2 ${'9F'.repeat(28)} ${'9F'.repeat(4)}`],
    ['the authority of a machine', ['node1.maas', 'CAA'], '128 issue "ca.example.net; account=1"'],
    ['the authority of a machine by TCP', ['+tcp', 'node1.maas', 'CAA'], '128 issue "ca.example.net; account=1"'],
    ['the other address of a machine', ['node1.maas', 'AAAA'], '2001:db8::1'],
    ['a machine by its address', ['-x', '10.20.0.10'], 'node1.maas.'],
    ['a generated name', ['10-20-0-150.maas'], '10.20.0.150'],
    ['a dynamic address', ['-x', '10.20.0.150'], '10-20-0-150.maas.'],
    ['a name of the outside', ['www.outside.example'], '192.0.2.80'],
    ['a name of the outside by TCP', ['+tcp', 'www.outside.example'], '192.0.2.80'],
    ['an alias of ours to the outside', ['alias.maas'], 'www.outside.example.\n192.0.2.80'],
  ];
  for (const [name, args, expected] of short) {
    it(`dig finds ${name}`, async () => assert.equal(await dig('+short', ...args), expected));
  }

  it('dig asks by TCP after an answer too large for UDP, and so does the rack with its upstream', async () => {
    const cut = await dig('+ignore', '+bufsize=512', 'large.outside.example', 'TXT');
    assert.match(cut, /flags: qr tc rd ra;/);
    const whole = await dig('+bufsize=512', 'large.outside.example', 'TXT');
    assert.match(whole, /ANSWER: 200/);
    assert.match(whole, /\(TCP\)/);
    assert.ok(rack.server.counters()['upstream-tcp'] >= 1);
  });

  it('the rack looks up servers with its own name server, and ends when it is told to', async () => {
    const { signal } = new AbortController();
    const lookUp = makeLookUp(() => ({ listen: [LOOPBACK], listenPort: rack.port }));
    assert.deepEqual((await lookUp('www.outside.example', signal)).map(formatIpv4), ['192.0.2.80']);
    assert.deepEqual((await lookUp('node1.maas', signal)).map(formatIpv4), ['10.20.0.10']);
    await assert.rejects(lookUp('node1.maas', AbortSignal.abort()), { name: 'AbortError' });
  });

  it('the npm package dns2 understands the answers', async () => {
    const udp = dns2.UDPClient({ dns: '127.0.0.1', port: rack.port });
    const tcp = dns2.TCPClient({ dns: '127.0.0.1', port: rack.port });
    for (const client of [udp, tcp]) {
      const found = await client('node1.maas', 'A');
      assert.deepEqual(
        found.answers.map(({ name, address }) => [name, address]),
        [['node1.maas', '10.20.0.10']],
      );
      const pointer = await client('10.0.20.10.in-addr.arpa', 'PTR');
      assert.equal(pointer.answers[0]?.domain, 'node1.maas');
      const soa = await client('maas', 'SOA');
      assert.equal(soa.answers[0]?.primary, 'rack-1.maas');
      assert.equal((await client('www.outside.example', 'A')).answers[0]?.address, '192.0.2.80');
    }
    const withSubnet = await udp('node1.maas', 'A', 1, { clientIp: '10.0.0.1' });
    assert.equal(withSubnet.answers[0]?.address, '10.20.0.10');
  });

  it('RFC 7766 §6.2.1.1: many questions on one connection are all answered, each with its id', async () => {
    const socket = await open(rack.port);
    const question = { type: 1, dnssecOk: false, checkingDisabled: false, edns: true };
    const questions = Array.from({ length: 500 }, (_, id) =>
      frame(encodeUpstreamQuery(id, { ...question, name: id % 2 === 0 ? 'node1.maas' : `n${id}.outside.example` })),
    );
    const replies = readAll(socket, 500);
    socket.write(Buffer.concat(questions));
    const ids = (await replies).map(({ id, rcode }) => [id, rcode] as const).sort((a, b) => a[0] - b[0]);
    assert.deepEqual(
      ids,
      Array.from({ length: 500 }, (_, id) => [id, id % 2 === 0 ? 0 : 3]),
    );
    socket.destroy();
  });

  it('a client that half-closes after asking still gets its answer', async () => {
    const socket = await open(rack.port);
    const replies = readAll(socket, 1);
    const question = { name: 'late.outside.example', type: 1, dnssecOk: false, checkingDisabled: false, edns: false };
    socket.end(frame(encodeUpstreamQuery(1, question)));
    assert.equal((await replies)[0]?.rcode, 3);
  });

  it('a connection that announces an overlong question is closed', async () => {
    const socket = await open(rack.port);
    let octets = 0;
    socket.on('data', (data) => {
      octets += data.length;
    });
    socket.write(Uint8Array.of(0xff, 0xff, 0));
    // Long before it would be closed for its silence.
    await eventuallyWithin(IDLE_MS / 4, 'it is closed', () => socket.closed);
    assert.equal(octets, 0, 'without an answer');
  });

  it('a reload keeps unchanged listeners, opens new ones and closes removed ones', async () => {
    const other = ip('127.0.0.9');
    await rack.server.configure({ ...rack.config, listen: [LOOPBACK, other] });
    assert.equal(rack.server.listeners[0]?.port, rack.port);
    const port = rack.server.listeners[1]?.port ?? 0;
    const ask = ['@127.0.0.9', '-p', String(port), '+short', '+tries=1', '+time=2', 'rack-1.maas'];
    assert.equal((await run('dig', [...ask, '-b', '127.0.0.1'])).stdout.trim(), '10.20.0.1');
    await rack.server.configure(rack.config);
    assert.equal(rack.server.listeners.length, 1);
    await assert.rejects(run('dig', [...ask, '-b', '127.0.0.1']));
    assert.equal(await dig('+short', 'node1.maas'), '10.20.0.10');
  });

  it('a port in use is a named error, and nothing changes', async () => {
    const taken = { ...rack.config, listenPort: outside.port };
    await assert.rejects(
      rack.server.configure(taken),
      (error) => error instanceof RackError && error.code === 'address-in-use',
    );
    assert.equal(rack.server.listeners[0]?.port, rack.port);
    assert.equal(await dig('+short', 'node1.maas'), '10.20.0.10');
  });

  it('external names resolve while the source ports rotate', async () => {
    const ports = new Set<number>();
    const watched: HostNetwork = {
      ...pass(network),
      open: async (request) => {
        const socket = await network.open(request);
        if (request.port === 0 && request.address === 0) ports.add(socket.localPort);
        return socket;
      },
    };
    const clock = new VirtualClock();
    const changing = await serve(watched, { upstream: [{ address: LOOPBACK, port: outside.port }] }, clock);
    assert.equal(ports.size, 8);
    for (let turn = 0; turn < 10; turn += 1) {
      clock.advance(15_000);
      await sleep(60);
      const args = ['@127.0.0.1', '-p', String(changing.port), '+short', '+tries=1', '+time=2', 'www.outside.example'];
      assert.equal((await run('dig', args)).stdout.trim(), '192.0.2.80');
      // A cached name would not be asked again.
      clock.advance(61_000);
      await sleep(60);
    }
    assert.ok(ports.size > 12, `only ${ports.size} ports were used`);
    await changing.server.close();
  });

  it('a closed server answers nothing, and its port is free', async () => {
    const short = await serve(network, {});
    await short.server.close();
    const again = await serve(network, { listenPort: short.port });
    assert.equal(again.port, short.port);
    await again.server.close();
  });
});

describe('an address the host does not have yet', { skip: missing('root', 'linux', 'ip', 'unshare', 'dig') }, () => {
  it('is served over UDP and TCP once the host has it', async () => {
    const script = join(import.meta.dirname, 'dns-late-address.ts');
    const { stdout } = await run('unshare', ['--net', process.execPath, script], { timeout: 50_000 });
    const report: unknown = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
    assert.deepEqual(report, { waited: true, udp: '10.20.0.1', tcp: '10.20.0.1' });
  });
});

/** The network with bound methods, so that one can be replaced. */
const pass = (network: HostNetwork): HostNetwork => ({
  received: network.received,
  notes: network.notes,
  open: (request) => network.open(request),
  close: () => network.close(),
  interfacesChanged: (interfaces) => network.interfacesChanged(interfaces),
  mayReach: (address) => network.mayReach(address),
  tap: (request) => network.tap(request),
});

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port }, () => resolve(socket));
    socket.on('error', reject);
  });
}

/** The next `count` messages of a connection. */
function readAll(socket: Socket, count: number): Promise<{ id: number; rcode: number }[]> {
  const frames = new FrameReader(65535);
  const messages: { id: number; rcode: number }[] = [];
  return new Promise((resolve, reject) => {
    socket.on('close', () => reject(new Error(`closed after ${messages.length} of ${count} answers`)));
    socket.on('data', (chunk: Buffer) => {
      frames.feed(chunk);
      for (let message = frames.next(); message !== undefined; message = frames.next()) {
        const decoded = decodeMessage(message);
        assert.ok(decoded.ok);
        messages.push({ id: decoded.value.id, rcode: decoded.value.rcode });
      }
      if (messages.length === count) resolve(messages);
    });
  });
}
