// Boots that are broken on purpose over a real daemon: the hint names the cause, in the log, in the trace and in the region's log.
// @host waits

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { z } from 'zod';
import { BROADCAST_FLAG, clientRequest, encodeDhcpMessage } from '../../src/dhcp/wire/message.ts';
import { MESSAGE_TYPE, OPTION } from '../../src/dhcp/wire/options.ts';
import { formatIpv4, formatMac, type MacAddress, mac as macOf } from '../../src/ground/address.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { missing } from '../support/needs.ts';
import { DhcpProbes } from '../support/probes.ts';
import { postForm } from '../support/rack-form.ts';
import { eventually, RunningRack } from '../support/running-rack.ts';

const PLACE = labPlace(46);

/** A DISCOVER of a BIOS machine's ROM that has been asking for `secs`. */
function discover(mac: MacAddress, secs: number): Uint8Array {
  const options = new Map<number, Uint8Array>([
    [OPTION.messageType, Uint8Array.of(MESSAGE_TYPE.discover)],
    [OPTION.vendorClass, Buffer.from('PXEClient:Arch:00000:UNDI:002001')],
    [OPTION.clientArchitecture, Uint8Array.of(0, 0)],
  ]);
  const request = clientRequest(mac, options, { xid: mac % 0xffff_ffff, secs, flags: BROADCAST_FLAG });
  return encodeDhcpMessage(request, 1472).bytes;
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
    const { output } = await rack.rackboot('trace', formatMac(mac));
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
    probes.broadcast(discover(mac, 28));
    await isNamed(mac, 'asked-before-heard', /had been asking for 28 s .*spanning tree/);
  });

  test('by a report that the region refuses', async () => {
    const mac = macOf(0x525400c00006);
    const lease = await probes.leaseWithin(5000, mac);
    assert.ok(lease);
    assert.equal(await postForm(PLACE, formatIpv4(lease.address), '/MAAS/api/2.0/machines/', 'architecture=none'), 400);
    await isNamed(mac, 'report-refused', /refused its report with 400/);
  });
});
