// Points about datagrams: borrowed bytes, TFTP, relay agents, and replies to hosts that do not exist.

import {
  ANY_RELAY,
  BORROWED_COPIES,
  DNS_FOR_STRANGERS,
  FLOODED_TRANSFERS_STAY,
  NO_BOUND_OF_NEW_CLIENTS,
  NO_SEND_SPACE,
  NO_SHARES,
  RELAYS_OF_OTHER_WIRES,
  TFTP_FOR_STRANGERS,
} from '../../hostile/changes.ts';
import { type MendedPoint, named, swapIn, without } from './row.ts';

const tidy = named('tidy.test.ts');
const decoders = named('conformance/overwritten.test.ts');
const tftp = named('tftp/hostile.test.ts');
const relays = named('dhcp/networks/relays.test.ts');
const tftpClients = named('config/load.test.ts')(
  'TFTP answers every configured network (also relayed, in proxy mode or without DHCP), loopback and tftp.allow',
);
const sendBuffers = named('e2e/net/send-buffers.test.ts');
const amplified = named('dns/amplification.test.ts');
const flood = named('dns/flood.test.ts');

export const WIRE_POINTS: readonly MendedPoint[] = [
  {
    point: 'received bytes are copied before they are kept',
    cases: ['dns-alongside'],
    rows: [
      {
        holds: 'A reader copies the bytes that a decoder keeps.',
        tests: decoders('outlives the bytes that decodeMessage was given'),
        breaks: without(BORROWED_COPIES).map((one) => ({ ...one, to: one.to.replace('copies > 1000', 'copies > 0') })),
      },
      {
        holds: 'The question of a query that waits is a copy.',
        tests: decoders('outlives the bytes that decodeQuery was given'),
        breaks: swapIn(
          'dns/message.ts',
          ['copyBytes } from', 'copyBytes, viewBytes } from'],
          ['copyBytes(bytes, HEADER_OCTETS', 'viewBytes(bytes as never, HEADER_OCTETS'],
        ),
      },
      {
        holds: 'A frame of the tap is copied.',
        tests: decoders('outlives the bytes that readTappedFrame was given'),
        breaks: swapIn(
          'net/datagrams/frame-tap.ts',
          ['copyBytes, reclaim }', 'copyBytes, reclaim, viewBytes }'],
          ['bytes: copyBytes(frame,', 'bytes: viewBytes(frame as never,'],
        ),
      },
      {
        holds: 'The source of a router message is copied.',
        tests: decoders('outlives the bytes that decodeRouterDiscovery was given'),
        breaks: swapIn(
          'net/watch/router-discovery.ts',
          ['copyBytes } from', 'copyBytes, viewBytes } from'],
          ['const source = copyBytes(bytes,', 'const source = viewBytes(bytes as never,'],
        ),
      },
      {
        holds: 'The memory of a batch is not a Buffer.',
        tests: named('net/linux/wire-structs.test.ts')('lends bytes of which a slice is a copy: no Buffer'),
        breaks: swapIn('net/linux/wire-structs.ts', [
          'this.#payloads = new Uint8Array(slots * slotBytes);',
          'this.#payloads = Buffer.alloc(slots * slotBytes);',
        ]),
      },
      {
        holds: 'Under test, bytes are overwritten as soon as the handler has returned.',
        tests: named('net/borrowed-bytes.test.ts')(
          'the bytes that a Linux socket received are overwritten when its handler has returned',
        ),
        breaks: swapIn('net/datagrams/udp-linux-socket.ts', ['for (const { bytes } of datagrams) reclaim(bytes);', '']),
      },
      {
        holds: 'No file takes a slice of bytes.',
        tests: tidy('no code calls slice on bytes, or subarray on a Buffer: copyBytes and viewBytes name the effect'),
        breaks: swapIn('tftp/packet.ts', [
          'bytes: reader.copy(reader.remaining,',
          "bytes: Buffer.from('').subarray(0) ?? reader.copy(reader.remaining,",
        ]),
      },
      {
        holds: 'No file keeps borrowed bytes.',
        tests: tidy('borrowed bytes are kept nowhere: they go only where a type says that they are borrowed'),
        breaks: swapIn('dns/message.ts', [
          'export function receiveQuery(bytes: BorrowedBytes): Received {\n',
          'let last: unknown;\nexport const lastQuery = (): unknown => last;\n\n' +
            'export function receiveQuery(bytes: BorrowedBytes): Received {\n  last = bytes;\n',
        ]),
      },
    ],
  },
  {
    point: 'one host cannot shut TFTP off',
    cases: ['tftp-hold'],
    rows: [
      {
        holds: 'While others hold all places, the host with the most gives way.',
        tests: tftp('do not keep another host from loading, nor 200 machines behind one address'),
        breaks: without(NO_SHARES),
      },
      {
        holds: 'One address has half of the places at most.',
        tests: named('tftp/places.test.ts')(
          'are at most half of all while there is room: the next one is refused, and one of another address is not',
        ),
        breaks: swapIn('tftp/places.ts', [', addressMax: TRANSFERS_OF_ADDRESS_MAX });', ' });']),
      },
      {
        holds: 'Of those that answered, a client that is silent gives way first.',
        tests: named('tftp/places.test.ts')('give way to the newest if their client is overdue'),
        breaks: swapIn('tftp/places.ts', ['this.#answered.touch(seat.place, true);', 'return;']),
      },
      {
        holds: 'Of those that are in time, the one heard least recently gives way.',
        tests: named('tftp/places.test.ts')(
          'lose the one heard least recently to a newcomer, when they are the most of all and every place is taken',
        ),
        breaks: swapIn('tftp/places.ts', ['    this.#answered.touch(seat.place, false);\n', '']),
      },
      {
        holds: 'No timeout that a client asks for is longer than a transfer may be silent.',
        tests: tftp('hold no transfer beyond the allowed silence, whatever timeout they requested'),
        breaks: [
          ...swapIn('tftp/terms.ts', ['Math.min(timeoutS * 1000, TIMEOUT_MS_MAX)', 'timeoutS * 1000']),
          ...swapIn(
            'tftp/transfer.ts',
            ['return end < at ? end : at;', 'return at;'],
            ["if (now - this.#progressAt >= SILENCE_MS_MAX) return this.#end({ kind: 'timed-out' });\n", ''],
          ),
        ],
      },
    ],
  },
  {
    point: 'TFTP cannot be driven blind',
    cases: ['tftp-blind', 'tftp-absent', 'tftp-new-transfers'],
    rows: [
      {
        holds: 'Two transfers of a client port never follow each other on one port.',
        tests: tftp(
          'two consecutive transfers of one client port have different ports, even if the system offers the same',
        ),
        breaks: swapIn('tftp/listener.ts', [
          'return ended === undefined || ended.until <= now || ended.localPort !== localPort;',
          'return ended === undefined || ended.until <= now || ended.localPort !== -localPort;',
        ]),
      },
      {
        holds: 'Each transfer has a port of its own, which closes with it.',
        tests: tftp('every transfer has its own port, which closes with it'),
        breaks: swapIn('tftp/listener.ts', ['    socket.close();\n', '']),
      },
      {
        holds: 'An ICMP report ends a transfer.',
        tests: tftp('ends with the first ICMP message of that host'),
        breaks: swapIn('tftp/server.ts', [
          "onPeerUnreachable: () => this.#transfers.handle(session, { kind: 'unreachable' }),",
          'onPeerUnreachable: () => undefined,',
        ]),
      },
      {
        holds: 'Even if its client has answered before.',
        tests: tftp('ends with an ICMP message of a host that has answered, too'),
        breaks: swapIn('tftp/transfer.ts', [
          "        return this.#end({ kind: 'unreachable' });",
          "        return this.#answered ? undefined : this.#end({ kind: 'unreachable' });",
        ]),
      },
      {
        holds: 'A packet leaves three times at most before the client has answered, so 44 octets go for one.',
        tests: tftp('makes the server send at most 44.2 times its bytes, without options: a block, three times'),
        breaks: swapIn('tftp/transfer.ts', ['SENDINGS_UNANSWERED_MAX = 3;', 'SENDINGS_UNANSWERED_MAX = 5;']),
      },
      {
        holds: 'So do the granted options.',
        tests: tftp(
          'makes the server send at most 2.5 times its bytes, for large blocks and windows: options, three times',
        ),
        breaks: swapIn('tftp/transfer.ts', [
          '(this.unanswered ? SENDINGS_UNANSWERED_MAX : SENDINGS_MAX)',
          "(this.unanswered && this.#phase !== 'greeting' ? SENDINGS_UNANSWERED_MAX : SENDINGS_MAX)",
        ]),
      },
      {
        holds: 'Packets to an address with many unanswered transfers are not repeated.',
        tests: tftp('is answered only once when there are many'),
        breaks: swapIn('tftp/places.ts', [
          'this.#unanswered.countOf(origin.peer) <= REPEATED_TO_MAX;',
          'this.#unanswered.countOf(origin.peer) >= 0;',
        ]),
      },
      {
        holds: 'Requests from networks that are not served get no answer.',
        tests: tftp(
          'requests from networks that are not served are dropped silently, counted, and reported with the remedy',
        ),
        breaks: without(TFTP_FOR_STRANGERS),
      },
      {
        holds: 'Networks of the settings are answered.',
        tests: tftp('a change of the settings admits or excludes a network, and running transfers continue'),
        breaks: swapIn('tftp/server.ts', [' || this.#clients.some((network) => networkContains(network, peer));', ';']),
      },
      {
        holds: 'Other networks are among them through tftp.allow.',
        tests: tftpClients,
        breaks: swapIn('config/resolve.ts', [', ...tftp.allow],', '],']),
      },
      {
        holds: 'Relayed networks are among them.',
        tests: tftpClients,
        breaks: swapIn('config/resolve.ts', [
          'clients: [...managed.map(({ resolved }) => resolved.network), LOOPBACK_NETWORK, ...tftp',
          'clients: [...managed.filter(({ written }) => !written.relayed).map(({ resolved }) => resolved.network), LOOPBACK_NETWORK, ...tftp',
        ]),
      },
    ],
  },
  {
    point: 'a forged giaddr takes no range and frees no lease',
    cases: ['forged-relay', 'other-wire'],
    rows: [
      {
        holds: 'A relay agent is believed from its own address, a named source or a served network.',
        tests: relays(
          'a relay agent is believed if it sends from its address, from a source the network names, or from a served network',
        ),
        breaks: without(ANY_RELAY),
      },
      {
        holds: 'A client of this rack is not a relay agent.',
        tests: relays(
          'a client of this rack is not a relay agent of any network, even if it sends from the giaddr that it writes',
        ),
        breaks: swapIn('dhcp/networks/relays.ts', ['if (holdsLease(from) || (', 'if ((']),
      },
      {
        holds:
          'Only a relay agent of its shared network speaks for a network on an interface, unless the network names others.',
        tests: relays(
          'a relay agent on an interface of this rack is believed from its shared network, and from elsewhere if the network says so',
        ),
        breaks: without(RELAYS_OF_OTHER_WIRES),
      },
      {
        holds: 'A relayed network with relay_sources takes no other served host for its relay agent.',
        tests: relays(
          'a relay agent is believed if it sends from its address, from a source the network names, or from a served network',
        ),
        breaks: swapIn('dhcp/networks/relays.ts', [
          'const mayBeAnywhere = network.subnet.relaySources === undefined;',
          'const mayBeAnywhere = true;',
        ]),
      },
      {
        holds: 'The refusal names source, relay agent and the key that would let it in.',
        tests: relays('a refusal for its source names source, relay agent and the key that would allow it'),
        breaks: swapIn('dhcp/networks/relays.ts', [
          "? undefined : 'relay-source-unknown';",
          "? undefined : 'relay-unknown';",
        ]),
      },
    ],
  },
  {
    point: 'a few hosts cannot exhaust shared resources: DHCP and DNS',
    cases: ['discover-flood', 'dns-silent-zones', 'dns-random-names'],
    rows: [
      {
        holds: 'A flood of unanswered names takes no place from other names.',
        tests: flood('one client that fills a domain loses its own questions to those of others, not theirs'),
        breaks: without(NO_SHARES),
      },
      {
        holds: 'One domain has a quarter of the places.',
        tests: flood('one domain has at most 1024 flights; beyond that its oldest question is evicted'),
        breaks: swapIn('dns/flights.ts', [
          'domain.flights.size >= SUFFIX_FLIGHTS_MAX',
          'domain.flights.size >= 4 * SUFFIX_FLIGHTS_MAX',
        ]),
      },
      {
        holds: 'New clients of a place have a rate.',
        tests: named('dhcp/limits/new-clients.test.ts')(
          'a place has ten seconds of its rate at once, then its rate, and never more at once again',
        ),
        breaks: without(NO_BOUND_OF_NEW_CLIENTS),
      },
      {
        holds: 'Newcomers that ask again are served while a flood of DISCOVERs lasts.',
        tests: named('dhcp/newcomers.test.ts')(
          'persistent newcomers are served in a flood: 500 invented clients a second, 100 addresses',
        ),
        breaks: [
          ...without(NO_BOUND_OF_NEW_CLIENTS),
          ...swapIn('dhcp/answers/newcomer.ts', [
            'return waitedMs >= PATIENT_MS ? OFFER_PRESSED_MS : OFFER_ANSWERED_MS;',
            'return undefined;',
          ]),
        ],
      },
    ],
  },
  {
    point: 'answers are not a weapon: amplification of DNS and DHCP',
    rows: [
      {
        holds: 'Large answers to one address have a rate.',
        tests: amplified('an address of a served network gets 200 large answers at once and 50 a second, then TC'),
        breaks: swapIn('net/shares/address-rates.ts', [
          'this.#networks.of(networkOf(client), now).allows(now) && address.allows(now);',
          'this.#networks.of(networkOf(client), now).allows(now);',
        ]),
      },
      {
        holds: 'Large answers to one network have a rate.',
        tests: amplified('a /24 gets as much as eight of its addresses would, even if an attacker forges all of them'),
        breaks: swapIn('net/shares/address-rates.ts', [
          'this.#networks.of(networkOf(client), now).allows(now) && address.allows(now);',
          'address.allows(now);',
        ]),
      },
      {
        holds: 'A stranger’s answer is no longer than the question.',
        tests: amplified('a client outside the served networks gets no more octets than it sent, whatever it asks'),
        breaks: without(DNS_FOR_STRANGERS),
      },
    ],
  },
  {
    point: 'replies to hosts that do not exist stop no other replies',
    cases: ['dns-absent', 'dhcp-inform-absent', 'proxy-requests'],
    rows: [
      {
        holds: 'A send buffer has the 4 MiB that are asked for, or as much as the system allows.',
        tests: sendBuffers(
          'of native sockets are SEND_BUFFER_BYTES, or as large as the system allows, which is then reported',
        ),
        breaks: swapIn('net/datagrams/udp-linux.ts', [
          '    this.#setInt(fd, SOL_SOCKET, SO_SNDBUF, this.#sendBufferBytes);\n',
          '',
        ]),
      },
      {
        holds: 'So has one of a host without native calls.',
        tests: sendBuffers(
          'of portable sockets are SEND_BUFFER_BYTES, or as large as the system allows, which is then reported',
        ),
        breaks: swapIn('net/datagrams/udp-dgram-socket.ts', ['    socket.setSendBufferSize(sendBufferBytes);\n', '']),
      },
      {
        holds: 'A send buffer that is short takes one datagram to an absent host.',
        tests: named('net/datagrams/send-space.test.ts')(
          'that is short of space takes one datagram to an absent host, and all to hosts that are present or behind a router',
        ),
        breaks: without(NO_SEND_SPACE),
      },
      {
        holds: 'Absent hosts never get more than a quarter.',
        tests: named('net/datagrams/absent-space.test.ts')('never gives more than a quarter to absent hosts'),
        breaks: swapIn('net/datagrams/absent-space.ts', [
          'this.#mostBytes = bufferBytes / 8;',
          'this.#mostBytes = bufferBytes / 2;',
        ]),
      },
    ],
  },
  {
    point: 'a thousand transfers of one host do not keep the rack busy',
    cases: ['tftp-held-flood'],
    rows: [
      {
        holds: 'A client that floods its transfer ends it.',
        tests: named('tftp/hostile.test.ts')(
          'with ACKs of nothing new ends them and closes their sockets; others load meanwhile',
        ),
        breaks: without(FLOODED_TRANSFERS_STAY),
      },
    ],
  },
  {
    point: 'no address is given unprobed',
    rows: [
      {
        holds: 'A client that selects what was never offered waits for a probe.',
        tests: named('dhcp/conflicts/unrecorded-address.test.ts')(
          'is denied when another host answers, and the address is set aside',
        ),
        breaks: swapIn('dhcp/answers/decide-request.ts', [
          'return excess === undefined ? ackUnoffered(inquiry',
          'return excess === undefined ? ack(inquiry',
        ]),
      },
      {
        holds: 'An address whose probe still runs is not an offer.',
        tests: named('dhcp/conflicts/unrecorded-address.test.ts')(
          'while the probe that a DISCOVER caused still runs is not an acceptance of an offer',
        ),
        breaks: swapIn('dhcp/leases/offers.ts', ['?.isSent === true ? this', ' !== undefined ? this']),
      },
    ],
  },
];
