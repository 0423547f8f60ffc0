// Points found by other projects' test suites, and features that other servers have.

import { MANY_CONNECTIONS_OF_A_CLIENT } from '../../hostile/changes.ts';
import { type MendedPoint, named, swapIn, without } from './row.ts';

const dns = named('e2e/dns-hostile.test.ts');
const exchanges = named('conformance/rfc2131-exchanges.test.ts');
const back = named('dhcp/answers/give-back.test.ts');
const tftp = named('tftp/hostile.test.ts');
const names = named('daemon/client-name.test.ts');
const classes = named('dhcp/networks/classes.test.ts');
const reservations = named('dhcp/networks/reservations.test.ts');
const legal = named('config/legal-options.test.ts')(
  'an illegal value of any option is refused with the rule and its RFC, a legal one just inside accepted',
);
const BY_IDENTITY = 'a client’s identity comes before its place, and the more specific before the less specific';

export const SUITE_POINTS: readonly MendedPoint[] = [
  {
    point: 'idle TCP connections of a client lock it out of DNS no more',
    cases: ['dns-tcp-own', 'dns-tcp-idle'],
    rows: [
      {
        holds: 'At its bound a client’s own idle connection gives way.',
        tests: dns('a client with 32 idle connections can open another: its longest idle one is closed'),
        breaks: without(MANY_CONNECTIONS_OF_A_CLIENT.filter(({ file }) => file === 'net/shares/fair-shares.ts')),
      },
      {
        holds: 'A connection that never asked anything is idle.',
        tests: dns('a connection that never asked anything counts as idle'),
        breaks: swapIn('dns/server.ts', [
          "this.#service.counters.add('tcp-accepted');\n    this.#updateShare(connection);\n",
          "this.#service.counters.add('tcp-accepted');\n",
        ]),
      },
    ],
  },
  {
    point: 'an address that is declined when it was only offered is set aside',
    rows: [
      {
        holds: 'It is offered to no client for a while.',
        tests: exchanges('§4.3.3: a declined address that was only offered goes to no client for a while, either'),
        breaks: swapIn('dhcp/answers/give-back.ts', [
          'const served = findHeld(inquiry, state, address)?.served ?? findOffering(inquiry, state, address);',
          'const served = findHeld(inquiry, state, address)?.served;',
        ]),
      },
      {
        holds: 'Only whom it was offered to may decline it.',
        tests: back(
          '§4.3.3: a DECLINE of an address that is only offered comes from the client of the offer, and names this server',
        ),
        breaks: swapIn('dhcp/answers/give-back.ts', [
          'return offers.holderOf(address, now) === identityIn(served, inquiry) ? served : undefined;',
          'return offers.holderOf(address, now) === undefined ? undefined : served;',
        ]),
      },
    ],
  },
  {
    point: 'check refuses option values that their RFC calls illegal',
    rows: [
      ...(
        [
          [
            'max-datagram-reassembly',
            "§4.4', {\n    legal: from(REASSEMBLY_MIN, U16_MAX),",
            "§4.4', {\n    legal: from(0, U16_MAX),",
          ],
          ['default-ip-ttl', "§4.5', { legal: from(1, U8_MAX) }", "§4.5', { legal: from(0, U8_MAX) }"],
          ['default-tcp-ttl', "§7.1', { legal: from(1, U8_MAX) }", "§7.1', { legal: from(0, U8_MAX) }"],
          ['path-mtu-plateau-table', 'legal: ascendingFrom(MTU_MIN),', 'legal: ascendingFrom(0),'],
          ['static-routes', "§5.8', { legal: NO_DEFAULT_ROUTE }", "§5.8', { legal: undefined }"],
        ] as const
      ).map(([option, from, to]) => ({
        holds: `${option} has the range of its RFC.`,
        tests: legal,
        breaks: swapIn('dhcp/wire/option-table.ts', [from, to]),
      })),
      {
        holds: 'A value that is written is judged.',
        tests: legal,
        breaks: swapIn('config/option-list.ts', [
          '? named && judgeOptionValue(named, type, encoded.bytes)',
          '? undefined',
        ]),
      },
    ],
  },
  {
    point: 'a TFTP request with an empty name or mode is answered',
    rows: [
      {
        holds: 'An empty name is reported as such.',
        tests: tftp('a request with an empty name is answered with error 4 that names the fault'),
        breaks: swapIn('tftp/packet.ts', ["    case 'file name':\n", "    case 'file-name':\n"]),
      },
      {
        holds: 'An empty mode is reported as such.',
        tests: tftp('a request with an empty mode is answered with error 4 that names the fault'),
        breaks: swapIn('tftp/packet.ts', ["    case 'mode':\n", "    case 'no-mode':\n"]),
      },
      {
        holds: 'The server sends its answer.',
        tests: tftp('a request with no mode is answered with error 4 that names the fault'),
        breaks: swapIn('tftp/server.ts', [
          'if (text !== undefined) this.#sendError(',
          'if (text === null) this.#sendError(',
        ]),
      },
    ],
  },
  {
    point: 'NOTIMP repeats no flag',
    rows: [
      {
        holds: 'Not RD, whose bit means something else under another opcode.',
        tests: named('dns/message.test.ts')('opcode 1: NOTIMP, its id and opcode, and no flag but QR'),
        breaks: swapIn('dns/message.ts', ['(isQuery ? FLAG.RD : 0)', 'FLAG.RD']),
      },
      {
        holds: 'Not CD either.',
        tests: named('dns/message.test.ts')('opcode 1: NOTIMP, its id and opcode, and no flag but QR'),
        breaks: swapIn('dns/message.ts', ['(isQuery ? (bytes[3] ?? 0) & FLAG.CD : 0)', '((bytes[3] ?? 0) & FLAG.CD)']),
      },
      {
        holds: 'Nor RD of an UPDATE.',
        tests: named('dns/message.test.ts')('opcode 5: NOTIMP, its id and opcode, and no flag but QR'),
        breaks: swapIn('dns/message.ts', [
          '(isQuery ? FLAG.RD : 0)',
          '(isQuery || ((bytes[2] ?? 0) & 0x78) === 0x28 ? FLAG.RD : 0)',
        ]),
      },
      {
        holds: 'Nor CD of a NOTIFY.',
        tests: named('dns/message.test.ts')('opcode 4: NOTIMP, its id and opcode, and no flag but QR'),
        breaks: swapIn('dns/message.ts', [
          '(isQuery ? (bytes[3] ?? 0) & FLAG.CD : 0)',
          '(isQuery || ((bytes[2] ?? 0) & 0x78) === 0x20 ? (bytes[3] ?? 0) & FLAG.CD : 0)',
        ]),
      },
    ],
  },
  {
    point: 'option 81 is answered',
    rows: [
      {
        holds: 'A client that sends it gets it, with its name.',
        tests: names(
          "a wish is completed with the domain and entered, management 2: the client is told wish.lab.example, and what the rack's DNS does",
        ),
        breaks: swapIn('dhcp/answers/client-name.ts', [
          'return asked && clientFqdnBytes(',
          'return asked && undefined && clientFqdnBytes(',
        ]),
      },
      {
        holds: 'A client that wants nothing entered is obeyed.',
        tests: names(
          "a client that wants nothing entered, management 2: the client is told wish.lab.example, and what the rack's DNS does",
        ),
        breaks: swapIn('dhcp/answers/client-name.ts', ['&& !wantsNobody && !isOthers;', '&& !isOthers;']),
      },
      {
        holds: 'The name of another host is not promised.',
        tests: names(
          "the name of another host, management 2: the client is told wish.lab.example, and what the rack's DNS does",
        ),
        breaks: swapIn('dhcp/answers/client-name.ts', ['&& !wantsNobody && !isOthers;', '&& !wantsNobody;']),
      },
    ],
  },
  {
    point: 'classes by host name',
    rows: [
      {
        holds: 'A client is in the class that its name matches.',
        tests: classes('a host name: in the class'),
        breaks: swapIn('dhcp/networks/conditions.ts', [
          'hostnames === undefined || hostnames.some(',
          'hostnames === undefined && [].some(',
        ]),
      },
      {
        holds: 'And in no other.',
        tests: classes('another host name: not in it'),
        breaks: swapIn('dhcp/networks/conditions.ts', [
          'hostnames === undefined || hostnames.some(',
          'true || hostnames?.some(',
        ]),
      },
      {
        holds: 'The name of its reservation comes before the one it gives itself.',
        tests: classes('not the name that the client also sends: not in it'),
        breaks: swapIn('dhcp/networks/conditions.ts', [
          'this.#traits.hostname ?? clientName(this.#traits.message.options)',
          'clientName(this.#traits.message.options) ?? this.#traits.hostname',
        ]),
      },
      {
        holds: 'An end of a name matches its end.',
        tests: classes('the end of a host name: in the class', 'not its beginning: not in it'),
        breaks: swapIn('dhcp/networks/conditions.ts', [
          'said.includes(text) : said.endsWith(text);',
          'said.includes(text) : said.includes(text);',
        ]),
      },
    ],
  },
  {
    point: 'reservations by identifier, DUID or place alone',
    rows: [
      {
        holds: 'A client identifier alone reserves.',
        tests: reservations(BY_IDENTITY),
        breaks: swapIn('dhcp/networks/reservations.ts', ['byClientId?.get(clientId) ?? (duid', '(duid']),
      },
      {
        holds: 'A DUID alone reserves.',
        tests: reservations('another interface of the same node: 10.30.0.12'),
        breaks: swapIn('dhcp/networks/reservations.ts', [
          '(duid === undefined ? undefined : byDuid?.get(duid))',
          'undefined',
        ]),
      },
      {
        holds: 'A circuit id alone reserves.',
        tests: reservations('a relay that names no switch: 10.30.0.15'),
        breaks: swapIn('dhcp/networks/reservations.ts', [
          'const there = byPlace.get(placeKey(circuitId, remoteId));',
          'const there = circuitId !== undefined && remoteId === undefined ? undefined : byPlace.get(placeKey(circuitId, remoteId));',
        ]),
      },
      {
        holds: 'A circuit id reserves with any remote id.',
        tests: reservations('another switch: 10.30.0.15'),
        breaks: swapIn('dhcp/networks/reservations.ts', ['byPlace.get(placeKey(circuitId, undefined)) ?? ', '']),
      },
      {
        holds: 'A host keeps the address of its port when it renews past the relay agent.',
        tests: reservations(
          'a host keeps the address of its port when it renews by unicast, past the relay agent, however often',
        ),
        breaks: swapIn('dhcp/networks/reservations.ts', ['placed(byPlace, client);\n}', 'undefined;\n}']),
      },
    ],
  },
];
