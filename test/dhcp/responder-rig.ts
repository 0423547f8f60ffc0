// A responder on a virtual wire whose disk writes at once: what clients say, and the answers in a word.

import { identifyBootClient } from '../../src/boot/client.ts';
import type { Lease } from '../../src/dhcp/leases/lease.ts';
import { LeaseTable } from '../../src/dhcp/leases/lease-table.ts';
import type { DhcpConfig } from '../../src/dhcp/networks/config.ts';
import { type Arrival, indexSubnets } from '../../src/dhcp/networks/subnet.ts';
import { Responder } from '../../src/dhcp/responder.ts';
import { OPTION, optionU8 } from '../../src/dhcp/wire/options.ts';
import { ANY, formatIpv4, type Ipv4, type MacAddress } from '../../src/ground/address.ts';
import type { RackEvent } from '../../src/ground/event.ts';
import { MachineDirectory } from '../../src/machines/directory.ts';
import { ip, RACK } from '../support/lab-facts.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { type ClientWords, clientBytes, planByKind, readReply, sourceOf, TestJournal } from './lab.ts';

export const ON_WIRE: Arrival = { interfaceName: 'eth1', localAddress: ANY };
export const BY_RELAY: Arrival = { interfaceName: undefined, localAddress: RACK };
const TYPES = ['', 'discover', 'offer', 'request', 'decline', 'ack', 'nak'];

/** Starts one with these stored leases. */
export function rig(dhcpConfig: DhcpConfig, machines = new MachineDirectory([]), stored: readonly Lease[] = []) {
  const clock = new VirtualClock();
  const journal = new TestJournal();
  const table = new LeaseTable();
  table.load(stored, clock.now());
  const wire = { isGone: false };
  const events: RackEvent[] = [];
  const answers: { readonly type: string; readonly address: Ipv4 }[] = [];
  const responder = new Responder({
    clock,
    journal,
    table,
    planBoot: planByKind,
    identifyClient: identifyBootClient,
    publish: (event) => void events.push(event),
    machines: () => machines,
    transmit: (replies) => {
      if (wire.isGone) return new Set(replies);
      for (const { datagram } of replies) {
        const message = readReply(datagram.bytes);
        const type = TYPES[optionU8(message.options, OPTION.messageType) ?? 0] ?? '';
        answers.push({ type, address: message.yiaddr });
      }
      return new Set();
    },
  });
  responder.setSubnets(indexSubnets(dhcpConfig, undefined), dhcpConfig);
  const say = (words: ClientWords, arrival = ON_WIRE): string => {
    const bytes = clientBytes(words);
    responder.receive([{ bytes, from: sourceOf(words, arrival !== ON_WIRE), fromPort: 68 }], arrival);
    // The real network overwrites the bytes it handed over.
    bytes.fill(0xee);
    journal.commit();
    const [answer] = answers.splice(0);
    return answer === undefined ? 'silence' : `${answer.type} ${formatIpv4(answer.address)}`;
  };
  return {
    clock,
    journal,
    table,
    responder,
    wire,
    say,
    /** Applies this configuration. */
    reload(next: DhcpConfig): void {
      responder.setSubnets(indexSubnets(next, undefined), next);
    },
    /** Takes a client all the way to a lease; its address, or `silence`. */
    lease(client: MacAddress, words: ClientWords = {}): string {
      const address = say({ ...words, type: 'discover', mac: client }).split(' ')[1];
      if (address === undefined) return 'silence';
      return say({ ...words, type: 'request', mac: client, requested: ip(address), server: RACK });
    },
    reported: (...kinds: readonly string[]) =>
      events.splice(0).filter(({ kind }) => kinds.includes(kind) || kinds.length === 0),
  };
}

/** The address in a rig's answer, such as `offer 10.20.0.100`. */
export const addressOf = (answer: string): Ipv4 => ip(answer.split(' ')[1] ?? '');
