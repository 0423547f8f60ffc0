// Parts of a running rack that change while it serves: its name, its boot tree, its log, the listener of its region, one listener or another.
// No client notices, and each change is reported. Real sockets on loopback, by any user.
// @host waits

import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { clientRequest, decodeDhcpMessage, encodeDhcpMessage } from '../../src/dhcp/wire/message.ts';
import { MESSAGE_TYPE, OPTION, optionU8, u8Bytes } from '../../src/dhcp/wire/options.ts';
import { formatIpv4, formatMac, type Ipv4, type MacAddress, parseIpv4 } from '../../src/ground/address.ts';
import { sleep, systemClock, type Timer } from '../../src/ground/clock.ts';
import { labPlace, makeStandInTree } from '../../src/lab/safe-lab.ts';
import { leasesShape } from '../support/answer-shapes.ts';
import { ChangingRack, KERNEL, KERNEL_BYTES } from '../support/changing-rack.ts';
import { missing } from '../support/needs.ts';
import { addressOf, type DhcpProbes, isOpen, loadByHttp, loadByTftp, loadSlowly } from '../support/probes.ts';
import { eventually } from '../support/running-rack.ts';

/** A client and its address. */
interface Holder {
  readonly mac: MacAddress;
  readonly address: Ipv4;
}

/** Renews one lease every PAUSE_MS, alternating between RENEWING (unicast) and REBINDING (broadcast). */
class SteadyRenewals {
  readonly #probes: DhcpProbes;
  readonly #rack: Ipv4;
  readonly #holders: readonly Holder[];
  readonly #wrong: string[] = [];
  /** Addresses by the xid of the message that waits for its reply. */
  readonly #waiting = new Map<number, Ipv4>();
  #asked = 0;
  #timer: Timer | undefined;

  constructor(probes: DhcpProbes, rack: Ipv4, holders: readonly Holder[]) {
    this.#probes = probes;
    this.#rack = rack;
    this.#holders = holders;
    probes.onOther = (bytes) => this.#receive(bytes);
    this.#ask();
  }

  /** Ends, and waits for the last replies. `wrong` names each reply that was not an ACK of the right address. */
  async close(): Promise<{ readonly asked: number; readonly lost: number; readonly wrong: readonly string[] }> {
    this.#timer?.cancel();
    for (let waited = 0; waited < LAST_MS && this.#waiting.size > 0; waited += PAUSE_MS) await sleep(PAUSE_MS);
    this.#probes.onOther = () => undefined;
    return { asked: this.#asked, lost: this.#waiting.size, wrong: this.#wrong };
  }

  #ask(): void {
    const holder = this.#holders[this.#asked % this.#holders.length];
    if (holder === undefined) return;
    this.#asked += 1;
    this.#waiting.set(this.#asked, holder.address);
    const bytes = request(this.#asked, holder);
    // A client's renewals alternate, for any number of clients.
    const isUnicast = Math.floor(this.#asked / this.#holders.length) % 2 === 0;
    if (isUnicast) this.#probes.unicast(bytes, this.#rack, holder.address);
    else this.#probes.broadcast(bytes);
    this.#timer = systemClock.schedule(PAUSE_MS, () => this.#ask());
  }

  #receive(bytes: Uint8Array): void {
    const decoded = decodeDhcpMessage(bytes);
    const address = decoded.ok ? this.#waiting.get(decoded.value.xid) : undefined;
    if (!decoded.ok || address === undefined) return;
    const { xid, yiaddr, options } = decoded.value;
    this.#waiting.delete(xid);
    const type = optionU8(options, OPTION.messageType);
    if (type !== MESSAGE_TYPE.ack || yiaddr !== address) {
      this.#wrong.push(`${formatIpv4(address)}: type ${type}, ${formatIpv4(yiaddr)}`);
    }
  }
}

function request(xid: number, { mac, address }: Holder): Uint8Array {
  const options = new Map([[OPTION.messageType, u8Bytes(MESSAGE_TYPE.request)]]);
  return encodeDhcpMessage(clientRequest(mac, options, { xid, ciaddr: address }), 548).bytes;
}

const PAUSE_MS = 4;
/** How long the answers to the last queries may take. */
const LAST_MS = 2000;
/** RFC 1035 §4.1.1: recursion desired, one question; then `localhost`, type A, class IN. */
const QUESTION = Buffer.from(`00000100000100000000000009${Buffer.from('localhost').toString('hex')}0000010001`, 'hex');

/** Queries `address:port` every PAUSE_MS from `open` to `close`. */
class SteadyQuestions {
  readonly #address: string;
  readonly #port: number;
  readonly #socket: Socket = createSocket('udp4');
  readonly #answered = new Set<number>();
  #asked = 0;
  #timer: Timer | undefined;

  constructor(address: string, port: number) {
    this.#address = address;
    this.#port = port;
  }

  async open(): Promise<void> {
    this.#socket.on('message', (bytes) => void this.#answered.add(bytes.readUInt16BE(0)));
    this.#socket.on('error', () => undefined);
    await new Promise<void>((resolve) => this.#socket.bind(0, '127.0.0.1', resolve));
    this.#ask();
  }

  /** The number of queries so far. */
  count(): number {
    return this.#asked;
  }

  /** Ends, and waits for the last answers. */
  async close(): Promise<{ readonly asked: number; readonly answered: number }> {
    this.#timer?.cancel();
    for (let waited = 0; waited < LAST_MS && this.#answered.size < this.#asked; waited += PAUSE_MS)
      await new Promise<void>((resolve) => systemClock.schedule(PAUSE_MS, resolve));
    this.#socket.close();
    return { asked: this.#asked, answered: this.#answered.size };
  }

  #ask(): void {
    const bytes = Buffer.from(QUESTION);
    this.#asked += 1;
    bytes.writeUInt16BE(this.#asked & 0xffff, 0);
    this.#socket.send(bytes, this.#port, this.#address);
    this.#timer = systemClock.schedule(PAUSE_MS, () => this.#ask());
  }
}

const PLACE = labPlace(30);
const ADDRESS = `${PLACE.octets}.1`;

describe('a rack that changes while it serves', { skip: missing('linux') }, () => {
  const lab = new ChangingRack(PLACE, { restMs: 0 });

  test('applies a new name, boot tree and log file, and goes back', async () => {
    const [tree, log] = [`${lab.rack.tree}2`, join(lab.rack.directory, 'log', 'rackboot.log')];
    makeStandInTree(tree);
    writeFileSync(join(tree, 'lpxelinux.0'), Buffer.alloc(1234, 7));
    const download = loadSlowly(ADDRESS, PLACE.httpPort, KERNEL);
    lab.configure(
      lab
        .changed('name: lab\n', 'name: other\n')
        .replace(JSON.stringify(lab.rack.tree), JSON.stringify(tree))
        .concat(`log: { file: ${JSON.stringify(log)} }\n`),
    );
    await eventually(
      'the log is written to its file',
      () => existsSync(log) && /config\.applied/.test(readFileSync(log, 'utf8')),
    );
    assert.match(readFileSync(log, 'utf8'), /"key":"name","before":"lab","after":"other"/);
    assert.equal((await lab.rack.status()).name, 'other');
    assert.equal((await loadByTftp(ADDRESS, PLACE.tftpPort, 'lpxelinux.0')).value.length, 1234);
    writeFileSync(join(tree, 'added'), 'x');
    await eventually('the new tree is watched', () =>
      loadByTftp(ADDRESS, PLACE.tftpPort, 'added').then(
        () => true,
        () => false,
      ),
    );
    assert.equal((await download).length, KERNEL_BYTES, 'a running download continues to its end');
    await lab.goBack();
    assert.equal((await loadByTftp(ADDRESS, PLACE.tftpPort, 'lpxelinux.0')).value.length, 44_000);
    assert.equal(readFileSync(log, 'utf8').includes('"after":"lab"'), false, 'the log is where it was');
  });

  test('moves the listener of the region while machines use it, and loses no request', async () => {
    const port = PLACE.regionPort + 1000;
    let asking = true;
    const answers: number[] = [];
    const machines = Array.from({ length: 4 }, async () => {
      while (asking) {
        answers.push((await loadByHttp(ADDRESS, PLACE.httpPort, '/MAAS/api/version/')).value.status);
        await sleep(5);
      }
    });
    try {
      for (const text of [lab.changed(`"127.0.0.1:${PLACE.regionPort}"`, `"127.0.0.1:${port}"`), lab.good]) {
        lab.mark();
        lab.configure(text);
        await lab.applied();
        const soFar = answers.length;
        await eventually('more is asked', () => answers.length > soFar + 10);
      }
    } finally {
      asking = false;
      await Promise.all(machines);
    }
    assert.deepEqual([...new Set(answers)], [200]);
    assert.equal(await isOpen('127.0.0.1', port), false);
  });

  test('loses nothing at one listener while another moves', async () => {
    const names = new SteadyQuestions(ADDRESS, PLACE.dnsPort);
    await names.open();
    let loaded = 0;
    let loading = true;
    const files = (async () => {
      while (loading) {
        assert.equal((await loadByTftp(ADDRESS, PLACE.tftpPort, 'lpxelinux.0')).value.length, 44_000);
        loaded += 1;
      }
    })();
    const http = `["${ADDRESS}:${PLACE.httpPort}"]`;
    for (let turn = 0; turn < 4; turn += 1) {
      lab.mark();
      lab.configure(turn % 2 === 0 ? lab.changed(http, `["${ADDRESS}:${PLACE.httpPort + 1000}"]`) : lab.good);
      await lab.applied();
      const [files, questions] = [loaded, names.count()];
      await eventually('more is asked', () => loaded > files && names.count() > questions + 8);
    }
    loading = false;
    await files;
    // Now TFTP itself moves, to and fro.
    for (let turn = 0; turn < 4; turn += 1) {
      lab.mark();
      lab.configure(
        turn % 2 === 0
          ? lab.changed(`listen_port: ${PLACE.tftpPort} `, `listen_port: ${PLACE.tftpPort + 1000} `)
          : lab.good,
      );
      await lab.applied();
      const questions = names.count();
      await eventually('more is asked', () => names.count() > questions + 8);
    }
    const { asked, answered } = await names.close();
    assert.equal(answered, asked, 'every question was answered');
  });

  test('with management 1 leaves the names to others, with 0 also the addresses, and still boots machines', async () => {
    const mac = lab.probes.newMac();
    const managed = (management: number): string =>
      lab.good
        .replace('management: 2', `management: ${management}`)
        .replace(
          /^( {4}ip_range_high: .*\n)/m,
          `$1    hosts: [{ mac: "${formatMac(mac)}", ip: ${PLACE.octets}.61, hostname: plotter }]\n`,
        );
    const resolver = new Resolver({ timeout: 1000, tries: 1 });
    resolver.setServers([`${ADDRESS}:${PLACE.dnsPort}`]);
    // A lease’s name and a generated one; loopback has no reverse names.
    const names = ['plotter.maas', `${PLACE.octets.replaceAll('.', '-')}-120.maas`];
    for (const [management, gives] of [
      [2, { lease: true, names: 2 }],
      [1, { lease: true, names: 0 }],
      [0, { lease: false, names: 0 }],
    ] as const) {
      lab.mark();
      lab.configure(managed(management));
      await lab.applied();
      const leased = await lab.probes.leaseWithin(management === 0 ? 500 : 5000, mac);
      assert.equal(
        leased === undefined ? undefined : addressOf(leased),
        gives.lease ? `${PLACE.octets}.61` : undefined,
      );
      const found = await Promise.all(names.map((name) => resolver.resolve4(name).catch(() => undefined)));
      assert.equal(found.filter((records) => records !== undefined).length, gives.names, `management ${management}`);
      assert.equal((await resolver.resolve4('localhost')).length, 1, 'DNS answers where its listen says');
      assert.equal((await loadByTftp(ADDRESS, PLACE.tftpPort, 'lpxelinux.0')).value.length, 44_000);
      assert.equal((await loadByHttp(ADDRESS, PLACE.httpPort, KERNEL)).value.status, 200);
    }
  });

  test('changes networks, ranges, options and reservations under load, and loses no datagram and no lease', async () => {
    const rackAddress = parseIpv4(ADDRESS) ?? assert.fail(ADDRESS);
    const holders = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const { mac, address } = await lab.probes.lease(lab.probes.newMac(), 'system');
        return { mac, address };
      }),
    );
    const last = Math.min(...holders.map(({ address }) => address % 256));
    const reserved = lab.probes.newMac();
    const second = PLACE.octets.replace(/\d+$/, (octet) => String((Number(octet) + 128) % 256));
    const more = (text: string, lines: string): string => text.replace(/^( {4}ip_range_high: .*\n)/m, `$1${lines}`);
    const steps: readonly (readonly [string, string])[] = [
      ['a wider range', lab.changed(`ip_range_high: ${PLACE.octets}.199`, `ip_range_high: ${PLACE.octets}.250`)],
      ['a narrower one', lab.changed(`ip_range_low: ${PLACE.octets}.100`, `ip_range_low: ${PLACE.octets}.${last}`)],
      [
        'a lease time and options',
        more(lab.good, '    lease_time: 1h\n    options: [{ code: 42, value: [192.0.2.1] }]\n'),
      ],
      [
        'reservations',
        more(lab.good, `    hosts: [{ mac: "${formatMac(reserved)}", ip: ${PLACE.octets}.60, hostname: printer }]\n`),
      ],
      [
        'further networks, one of them on the same shared network',
        lab.good.replace(
          'dhcp: {',
          '  - { name: far, relayed: true, management: 1, network: 10.99.0.0/24, ip_range_low: 10.99.0.10, ip_range_high: 10.99.0.20, dns_servers: [10.99.0.1] }\n' +
            `  - { name: near, interface: lo, management: 1, ip: ${second}.1, network: ${second}.0/24, ip_range_low: ${second}.10, ip_range_high: ${second}.20 }\ndhcp: {`,
        ),
      ],
      ['none of them', lab.good],
    ];
    const renewals = new SteadyRenewals(lab.probes, rackAddress, holders);
    for (const [name, text] of steps) {
      lab.mark();
      lab.configure(text);
      await lab.applied();
      if (name === 'reservations') {
        assert.equal(addressOf(await lab.probes.lease(reserved)), `${PLACE.octets}.60`);
      }
      if (name.startsWith('further')) assert.equal((await lab.rack.status()).interfaces.length, 3);
      await sleep(150);
    }
    const { asked, lost, wrong } = await renewals.close();
    assert.ok(asked > 50, `${asked} renewals`);
    assert.deepEqual([lost, wrong], [0, []]);
    const leases = leasesShape.parse(await lab.rack.ask('/leases'));
    for (const { mac, address } of holders) {
      const lease = leases.find((one) => one.address === formatIpv4(address));
      assert.deepEqual([lease?.mac, lease?.state], [formatMac(mac), 'bound']);
    }
  });

  test('reports each changed key, and the leases that the new range strands', async () => {
    const leased = addressOf(await lab.probes.lease());
    const number = Number(leased.split('.')[3]);
    lab.configure(lab.changed(`ip_range_low: ${PLACE.octets}.100`, `ip_range_low: ${PLACE.octets}.${number + 1}`));
    const reported = await lab.applied();
    assert.equal(reported.changes, 1);
    assert.equal(reported.source, 'file');
    const change = await lab.reported('config.changed');
    assert.equal(change.key, 'cluster_interfaces.lab.ip_range_low');
    assert.equal(change.before, `${PLACE.octets}.100`);
    const stranded = await lab.reported('config.stranded');
    assert.ok(String(stranded.addresses).split(' ').includes(leased));
  });
});
