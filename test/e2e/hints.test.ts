// Boots that are broken on purpose over a real daemon: the hint names the cause, in the log, in the trace and in the region's log.
// @host waits

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { encodeDhcpMessage } from '../../src/dhcp/wire/message.ts';
import { MESSAGE_TYPE, OPTION } from '../../src/dhcp/wire/options.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { ANY, formatIpv4, formatMac, type MacAddress, mac as macOf } from '../../src/net/address.ts';
import { COPIES_MS } from '../../src/observe/hints.ts';
import { missing } from '../support/needs.ts';
import { DhcpProbes, loadByTftp } from '../support/probes.ts';
import { postForm } from '../support/rack-form.ts';
import { eventually, RunningRack, runRackboot } from '../support/running-rack.ts';

const PLACE = labPlace(46);
const SERVER = `${PLACE.octets}.1`;

interface Said {
  readonly type?: number;
  readonly secs?: number;
  readonly architecture?: number;
  /** Option 54. */
  readonly server?: readonly number[];
  readonly requested?: readonly number[];
}

/** A message of a BIOS machine's ROM. */
function message(mac: MacAddress, said: Said): Uint8Array {
  const chaddr = new Uint8Array(16);
  chaddr.set(Buffer.from(formatMac(mac, ''), 'hex'));
  const options = new Map<number, Uint8Array>([
    [OPTION.messageType, Uint8Array.of(said.type ?? MESSAGE_TYPE.discover)],
    [OPTION.vendorClass, Buffer.from('PXEClient:Arch:00000:UNDI:002001')],
    [OPTION.clientArchitecture, Uint8Array.of(0, said.architecture ?? 0)],
  ]);
  if (said.server !== undefined) options.set(OPTION.serverIdentifier, Uint8Array.from(said.server));
  if (said.requested !== undefined) options.set(OPTION.requestedAddress, Uint8Array.from(said.requested));
  const fixed = { op: 1, htype: 1, hlen: 6, hops: 0, xid: mac % 0xffff_ffff, secs: said.secs ?? 0, flags: 0x8000 };
  const addresses = { ciaddr: ANY, yiaddr: ANY, siaddr: ANY, giaddr: ANY };
  return encodeDhcpMessage({ ...fixed, ...addresses, chaddr, sname: '', file: '', options }, 1472).bytes;
}

describe('a boot broken', { skip: missing('linux') }, () => {
  const rack = new RunningRack(PLACE);
  let probes: DhcpProbes;
  before(async () => {
    await rack.startWhole();
    probes = await DhcpProbes.open(PLACE);
  });
  after(async () => {
    await probes.close();
    await rack.remove();
  });

  /** Waits for the hint in the log, and looks for its words in the trace and in the region's log. */
  async function isNamed(mac: MacAddress, hint: string, words: RegExp): Promise<void> {
    const line = await rack.reported('boot.hint', { match: (one) => one.mac === formatMac(mac) && one.hint === hint });
    assert.match(String(line.text), words);
    const { output } = await runRackboot(['trace', formatMac(mac), '--config', rack.configFile]);
    assert.ok(
      output.some((text) => / boot\.hint .*! /.test(text) && words.test(text)),
      output.join('\n'),
    );
    const shape = z.object({ events: z.array(z.object({ description: z.string() })) });
    await eventually('the region has it', async () => {
      const path = `/MAAS/api/2.0/events/?op=query&level=WARNING&mac_address=${formatMac(mac)}`;
      return shape.parse(await rack.ask(path)).events.some(({ description }) => words.test(description));
    });
  }

  test('by a port that does not forward yet', async () => {
    const mac = macOf(0x525400c00001);
    probes.broadcast(message(mac, { secs: 28 }));
    await isNamed(mac, 'asked-before-heard', /had been asking for 28 s .*spanning tree/);
  });

  test('by offers that do not arrive', async () => {
    const mac = macOf(0x525400c00002);
    for (const secs of [0, 4, 8, 16]) {
      probes.broadcast(message(mac, { secs }));
      await rack.reported('dhcp.offer', {
        match: (line) => line.mac === formatMac(mac) && (line.waitedSeconds ?? 0) === secs,
      });
      // A DISCOVER that comes sooner counts as a copy of the last one.
      await pause(2 * COPIES_MS);
    }
    await isNamed(mac, 'offer-not-taken', /offered an address 3 times and took none/);
  });

  test('by a second DHCP server', async () => {
    const mac = macOf(0x525400c00003);
    probes.broadcast(message(mac, {}));
    probes.broadcast(message(mac, { type: MESSAGE_TYPE.request, server: [192, 0, 2, 1], requested: [192, 0, 2, 50] }));
    await isNamed(mac, 'other-server', /took the offer of another DHCP server/);
  });

  test('by an architecture without a loader', async () => {
    const mac = macOf(0x525400c00004);
    probes.broadcast(message(mac, { architecture: 25 }));
    await isNamed(mac, 'no-loader', /architecture 25.*boot\.loaders/);
  });

  test('by a loader that starts itself again', async () => {
    const mac = macOf(0x525400c00005);
    for (let boot = 0; boot < 3; boot += 1) {
      const lease = await probes.leaseWithin(5000, mac);
      assert.ok(lease);
      await loadByTftp(SERVER, PLACE.tftpPort, 'lpxelinux.0', formatIpv4(lease.address));
    }
    await isNamed(mac, 'loader-loop', /loaded lpxelinux\.0 3 times/);
  });

  test('by a report that the region refuses', async () => {
    const mac = macOf(0x525400c00006);
    const lease = await probes.leaseWithin(5000, mac);
    assert.ok(lease);
    assert.equal(await postForm(PLACE, formatIpv4(lease.address), '/MAAS/api/2.0/machines/', 'architecture=none'), 400);
    await isNamed(mac, 'report-refused', /refused its report with 400/);
  });
});
