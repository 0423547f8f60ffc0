// A rack that is ready and that no machine asks yet rehearses its own DHCP. So V8 has compiled that
// code when the power comes back and a whole hall boots in one second. Measured: a process just
// started needs twice the processor time for its first thousands of exchanges.
//
//   ready, the region up ─ slice ─ a turn of the event loop ─ slice ─ … ─ CLIENT_COUNT clients have an address and renewed it ─ over
//                                   └ a machine has asked, or loads ─ QUIET_MS without another one ┘
//
// 1. It has a responder, a table and names of its own: nothing is counted, published, stored or sent.
// 2. A slice lasts SLICE_MS, and the sockets are read between two of them: a real datagram waits no longer.
// 3. The rack of a lab (`isLab`) does not rehearse, which would take half of the processor time of
//    its start.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { identifyBootClient } from '../boot/client.ts';
import { planBoot } from '../boot/plan.ts';
import type { RackConfig } from '../config/rack-config.ts';
import type { Lease } from '../dhcp/leases/lease.ts';
import { storeLease } from '../dhcp/leases/lease-clock.ts';
import type { LeaseJournal, LeaseJournalListener } from '../dhcp/leases/lease-journal.ts';
import { LeaseTable } from '../dhcp/leases/lease-table.ts';
import { SettledJournal } from '../dhcp/leases/settled-journal.ts';
import type { DhcpSubnet } from '../dhcp/networks/config.ts';
import { indexSubnets } from '../dhcp/networks/subnet.ts';
import { Responder } from '../dhcp/responder.ts';
import type { Reply } from '../dhcp/responder-deps.ts';
import { clientRequest, encodeDhcpMessage } from '../dhcp/wire/message.ts';
import { OptionList } from '../dhcp/wire/message-options.ts';
import { addressBytes, MESSAGE_TYPE, OPTION, textBytes, u8Bytes } from '../dhcp/wire/options.ts';
import { Names } from '../dns/names.ts';
import { ANY, computeBroadcastAddress, type Ipv4, ipv4, mac, networkWithPrefix } from '../ground/address.ts';
import { viewBytes } from '../ground/borrowed-bytes.ts';
import { type Clock, pause, seconds } from '../ground/clock.ts';
import { MachineDirectory } from '../machines/directory.ts';
import { EventStream } from '../observe/event-stream.ts';
import { Timeline } from '../observe/timeline.ts';
import { HostClocks } from '../store/leases/host-clocks.ts';
import { LeaseBatch } from '../store/leases/lease-record.ts';
import { attributeEvents } from './observing/attribution.ts';
import { HostEvents } from './observing/host-events.ts';
import { LeaseNaming } from './rack/lease-naming.ts';

/** How often the clients come, each time to an empty table: as often as V8 needs to compile the code. */
const ROUNDS = 6;
/** The clients, half of them firmware. */
const CLIENT_COUNT = 2000;
/** The clients of a slice, and its length in milliseconds. */
const SLICE_CLIENTS = 8;
const SLICE_MS = 2;
/** After this long without a request from a machine, the rehearsal continues, in milliseconds. */
const QUIET_MS = 250;
/** A network for measurements between other networks (RFC 2544), behind a relay agent. */
const NETWORK = networkWithPrefix(ipv4(0xc6120000), 16);
const RELAY = ipv4(0xc6120001);
const SERVER = ipv4(0xc6130001);
const SUBNET: DhcpSubnet = {
  name: 'rehearsal',
  network: NETWORK,
  broadcast: computeBroadcastAddress(NETWORK),
  router: RELAY,
  dynamic: { low: ipv4(0xc6121000), high: ipv4(0xc612f000) },
  domain: 'maas',
  dnsServers: [SERVER],
  ntpServers: [],
  leaseTime: seconds(600),
  reservations: [],
  namesClients: true,
};
const FIRST_MAC = 0x02_0000_000000;
const REQUESTED_OPTIONS = Uint8Array.of(1, 3, 6, 12, 15, 43, 51, 54, 60, 66, 67, 97);
const YIADDR_OFFSET = 16;
const MESSAGE_BYTES = 1472;

interface RehearsalDeps {
  readonly clock: Clock;
  readonly config: RackConfig;
  /** The messages of DHCP and requests by HTTP that the rack has received. */
  readonly countRequests: () => number;
  /** Whether a machine is loading a file. */
  readonly isLoading: () => boolean;
  /** Whether the rack is ending. */
  readonly isEnding: () => boolean;
}

/** Resolves when it is over. @returns the renewals that were answered */
export async function rehearseDhcp({
  clock,
  config,
  countRequests,
  isLoading,
  isEnding,
}: RehearsalDeps): Promise<number> {
  let rehearsal = new Rehearsal(clock, config);
  let requestsBefore = countRequests();
  let renewalCount = 0;
  for (let client = 0; client < ROUNDS * CLIENT_COUNT && !isEnding(); ) {
    const sliceEnd = clock.now() + SLICE_MS;
    do {
      if (client % CLIENT_COUNT === 0) rehearsal = new Rehearsal(clock, config);
      renewalCount += rehearsal.lease(client % CLIENT_COUNT, SLICE_CLIENTS);
      client += SLICE_CLIENTS;
    } while (client < ROUNDS * CLIENT_COUNT && clock.now() < sliceEnd);
    await nextTurn();
    while (countRequests() > requestsBefore || isLoading()) {
      requestsBefore = countRequests();
      await pause(clock, QUIET_MS);
    }
  }
  return renewalCount;
}

class Rehearsal {
  readonly #responder: Responder;
  readonly #journal: ForgetfulJournal;
  readonly #table = new LeaseTable();
  /** The replies of a turn. */
  #replies: readonly Reply[] = [];

  constructor(clock: Clock, config: RackConfig) {
    this.#journal = new ForgetfulJournal(clock);
    const machines = new MachineDirectory([]);
    const stream = new EventStream();
    new Timeline(stream.publish).read(stream);
    const events = new HostEvents(() => false);
    const leases = { list: () => [], find: (address: Ipv4) => this.#table.find(address), findByMacs: () => [] };
    const naming = new LeaseNaming(new Names({ serial: 1, report: () => undefined }), leases);
    const ports = { serverPort: 67, clientPort: 68 };
    void naming.configure({ ...config, dhcp: { ...ports, subnets: [SUBNET] } });
    this.#responder = new Responder({
      clock,
      journal: new SettledJournal(this.#journal),
      table: this.#table,
      publish: attributeEvents(this.#table, events.createFilter(stream.publish)),
      planBoot: (query) => planBoot(query, config.boot),
      identifyClient: identifyBootClient,
      machines: () => machines,
      onLeaseChange: ({ lease }) => naming.lease(lease),
      transmit: (replies) => {
        this.#replies = replies;
        return new Set();
      },
    });
    this.#responder.setSubnets(indexSubnets({ ...ports, subnets: [SUBNET] }, undefined), ports);
    this.#responder.bounds.newClients.setRate(CLIENT_COUNT);
  }

  /** Lets these clients get an address and renew it. @returns how many could */
  lease(firstClient: number, count: number): number {
    const clients = Array.from({ length: count }, (_, index) => firstClient + index);
    this.#receive(clients.map((client) => encodeRequest(client, MESSAGE_TYPE.discover, ANY, ANY)));
    const offeredAddresses = this.#replies.map(
      ({ datagram }) => createDataView(datagram.bytes).getUint32(YIADDR_OFFSET) as Ipv4,
    );
    this.#receive(
      offeredAddresses.map((address, index) => encodeRequest(firstClient + index, MESSAGE_TYPE.request, ANY, address)),
    );
    this.#receive(
      offeredAddresses.map((address, index) => encodeRequest(firstClient + index, MESSAGE_TYPE.request, address, ANY)),
    );
    return this.#replies.length;
  }

  #receive(messages: readonly Uint8Array[]): void {
    const datagrams = messages.map((bytes) => ({ bytes: viewBytes(bytes), from: RELAY, fromPort: 67 }));
    this.#replies = [];
    this.#responder.receive(datagrams, { interfaceName: undefined, localAddress: SERVER });
    this.#journal.settle();
  }
}

const createDataView = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

/** A request of a client; every second one is firmware. */
function encodeRequest(client: number, type: number, ciaddr: Ipv4, requestedAddress: Ipv4): Uint8Array {
  const options = new OptionList();
  options.set(OPTION.messageType, u8Bytes(type));
  if (client % 2 === 0) {
    options.set(OPTION.vendorClass, textBytes('PXEClient:Arch:00007:UNDI:003016'));
    options.set(OPTION.clientArchitecture, Uint8Array.of(0, 7));
  } else options.set(OPTION.hostName, textBytes(`rehearsal-${client}`));
  options.set(OPTION.parameterRequestList, REQUESTED_OPTIONS);
  if (requestedAddress !== ANY) {
    options.set(OPTION.requestedAddress, addressBytes(requestedAddress));
    options.set(OPTION.serverIdentifier, addressBytes(SERVER));
  }
  const message = clientRequest(mac(FIRST_MAC + client), options, { hops: 1, xid: client, ciaddr, giaddr: RELAY });
  return encodeDhcpMessage(message, MESSAGE_BYTES).bytes;
}

/** A journal that stores nothing and reports every record as durable at once. */
class ForgetfulJournal implements LeaseJournal {
  readonly #clocks: HostClocks;
  #batch = new LeaseBatch();
  readonly available = true;
  readonly freeRecords = CLIENT_COUNT;
  #listener: LeaseJournalListener | undefined;
  #sequence = 0;

  constructor(clock: Clock) {
    this.#clocks = new HostClocks(clock);
  }

  append(lease: Lease): number {
    this.#sequence += 1;
    this.#batch.add(this.#sequence, storeLease(lease, this.#clocks.read()));
    return this.#sequence;
  }

  listen(listener: LeaseJournalListener): void {
    this.#listener = listener;
  }

  settle(): void {
    this.#batch = new LeaseBatch(this.#batch.finish().buffer);
    this.#listener?.onDurable(this.#sequence);
  }

  async close(): Promise<void> {}
}
