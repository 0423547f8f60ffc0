// Changes of the product that make a case fail: each takes out the protection that the case tests, and everything else in the way. A change that
// several cases share is named here once. `changes.test.ts` checks that all of them still fit the source; `long/without.test.ts` sees each case fail.

/** One change of one file. */
export interface Change {
  /** Below `src`. */
  readonly file: string;
  /** The text that stands there, exactly once. */
  readonly of: string;
  /** The text that stands there instead. */
  readonly by: string;
}

/** Several changes of one file: pairs of what stands there and what stands there instead. */
const of = (file: string, ...pairs: readonly (readonly [of: string, by: string])[]): readonly Change[] =>
  pairs.map(([before, by]) => ({ file, of: before, by }));

/** A machine is at home wherever a host has a lease under its hardware address. */
export const BOOTS_ANYWHERE = [
  ...of('dhcp/networks/machine-home.ts', ['if (home === undefined) return undefined;', 'return undefined;']),
  ...of('region/racks/machine-homes.ts', [
    "if (home === undefined || address === undefined || status === 'new') return false;",
    'return false;',
  ]),
];

/** The first comers keep their places. */
export const NO_SHARES = of('net/shares/fair-shares.ts', [
  "return this.#ofLargest(address, network) ?? this.#idleFor(address, own) ?? 'all';",
  "return 'all';",
]);
/** Connections that ask nothing keep their places, too. */
export const SILENT_STAY = [
  ...NO_SHARES,
  ...of('net/shares/connection-shares.ts', [
    "if (admission.kind === 'refused' && this.#endSilent()) {",
    'if (false) {',
  ]),
];
/** And so do those that do not come to the end of shaking hands. */
export const ENDLESS_HANDSHAKES = [
  ...SILENT_STAY,
  ...of('region/http/server.ts', ['handshakeTimeout: HEADERS_MS_MAX', 'handshakeTimeout: 600_000']),
];
/** A newcomer takes no place, not even its own. */
const NO_OWN_SHARE = of('net/shares/fair-shares.ts', ["return idle ?? 'address';", "return 'address';"]);
/** Every event of a host is a line of the log. */
export const EVERY_EVENT = of('daemon/observing/host-events.ts', [
  'if (kind === undefined) return event;',
  'if (kind !== 0.5) return event;',
]);
/** Datagrams to hosts that are not there fill the send buffer. */
export const NO_SEND_SPACE = of('net/datagrams/send-space.ts', [
  'admits(address: Ipv4): boolean {\n',
  'admits(address: Ipv4): boolean {\n    return true;\n',
]);
/** And no host is looked up in the ARP table. */
export const ABSENT_ARE_SENT_TO = [
  ...NO_SEND_SPACE,
  ...of('net/datagrams/absent-hosts.ts', [
    'admits(address: Ipv4): boolean {\n',
    'admits(address: Ipv4): boolean {\n    return true;\n',
  ]),
];
/** Datagrams leave in pieces where a host claims that the path is small. */
export const CLAIMED_PATHS_BELIEVED = of('net/datagrams/udp-linux.ts', [
  'IP_MTU_DISCOVER, IP_PMTUDISC_OMIT)',
  'IP_MTU_DISCOVER, 1)',
]);
/** Requests are parsed as fast as they come, however many wait to be answered. */
export const NO_PIPELINING_BOUND = of('net/shares/connection-shares.ts', [
  '() => mayTake(connection),',
  '() => connection.place !== undefined,',
]);

/** Requests begin as they arrive, however many arrive in one turn of the event loop. */
export const NO_REQUEST_TURNS = of('net/shares/request-turns.ts', [
  'this.#queue.offer(client, { response, handle: () => handle(request, response) });',
  'handle(request, response);',
]);

/** And a host asks over as many connections as it likes. */
export const ENDLESS_ASKING = [...NO_SHARES, ...NO_REQUEST_TURNS];

export const NO_BOUND_OF_NEW_CLIENTS = of('dhcp/limits/new-clients.ts', [
  "if (this.#perSecond === 0) return 'admitted';",
  "return 'admitted';",
]);
export const ANY_RELAY = of('dhcp/networks/relays.ts', [
  'const { giaddr, ciaddr } = message;\n',
  'return undefined;\n',
]);

/** A network on an interface of the rack takes relay agents of every network. */
export const RELAYS_OF_OTHER_WIRES = of('dhcp/networks/relays.ts', [
  '(namesNoRelays(network) && ',
  '(false && namesNoRelays(network) && ',
]);

/** Without a relay agent, any host speaks for any network. */
export const ANY_WIRE = of('dhcp/networks/relays.ts', [
  'if (giaddr === ANY) {\n',
  'if (giaddr === ANY) {\n    return undefined;\n',
]);

export const LARGE_NETASCII = of('tftp/content.ts', [
  'NETASCII_HELD_MAX = 16 * 1024;',
  'NETASCII_HELD_MAX = 1024 * 1024;',
]);
export const MANY_BLIND_SENDINGS = of('tftp/transfer.ts', [
  'SENDINGS_UNANSWERED_MAX = 3;',
  'SENDINGS_UNANSWERED_MAX = 300;',
]);
/** A client sends packets to its transfers for as long as it likes. */
export const FLOODED_TRANSFERS_STAY = of('tftp/transfer.ts', ['return this.#allowed >= 0;', 'return true;']);
/** Read requests are taken from anywhere. */
export const TFTP_FOR_STRANGERS = of('tftp/server.ts', ['return peer === listener.address ||', 'return true ||']);

export const ENDLESS_CACHE = of(
  'dns/cache.ts',
  ["(CACHE_ENTRIES_MAX, 'used", "(1000 * CACHE_ENTRIES_MAX, 'used"],
  ['while (this.#octets > CACHE_OCTETS_MAX', 'while (this.#octets > 1000 * CACHE_OCTETS_MAX'],
);
/** Every request for the metrics is answered at once, with a text of its own. */
export const ENDLESS_SCRAPES = [
  ...of(
    'observe/instrument-server.ts',
    ["if (!this.#rates.allows(request.socket.remoteAddress ?? '', clock.now())) {", 'if (false) {'],
    ['if (this.#scrape !== undefined) return this.#scrape;\n', ''],
    ['if (!this.#scrapes.allows(this.#deps.clock.now()) && ', 'if (false && '],
  ),
  ...NO_PIPELINING_BOUND,
];
/** Remembered bytes are those of a datagram whose buffer is reused; not for the first ones, so that all is well before the attack. */
export const BORROWED_COPIES = of(
  'net/byte-reader.ts',
  ['borrowedText, copyBytes }', 'borrowedText, copyBytes, viewBytes }'],
  [
    'const copy = copyBytes(this.bytes, this.#offset, this.#offset + count);',
    'globalThis.copies = (globalThis.copies ?? 0) + 1;\n' +
      '    const take = globalThis.copies > 1000 ? viewBytes : copyBytes;\n' +
      '    const copy = take(this.bytes, this.#offset, this.#offset + count);',
  ],
);
/** All TCP connections are taken, and none is closed for another. */
export const MANY_DNS_CONNECTIONS = [
  ...NO_SHARES,
  ...of('dns/server.ts', ['max: CONNECTIONS_MAX,', 'max: 1000 * CONNECTIONS_MAX,']),
];
/** One client may have any number, and none is closed for another. */
export const MANY_CONNECTIONS_OF_A_CLIENT = [
  ...NO_OWN_SHARE,
  ...of('dns/server.ts', ['addressMax: CLIENT_CONNECTIONS_MAX', 'addressMax: 1000 * CLIENT_CONNECTIONS_MAX']),
];
/** All questions of a connection are answered in one go. */
export const NO_TURNS = of('turns.ts', [
  'if (this.#fresh.has(worker) || this.#backlog.has(worker)) return;',
  'worker.work(1e9);\n    return;',
]);
/** Names are resolved for every host. */
export const DNS_FOR_STRANGERS = of('dns/answer.ts', [
  'if (!isClient(client, facts.clients)) return',
  'if (false) return',
]);

/** A body that comes too slowly keeps its place. */
export const SLOW_BODIES_STAY = of('net/shares/body-places.ts', [
  'if (isLate !== place.idle) this.#places.touch(place, isLate);',
  '',
]);
export const ANY_REPORT_AMENDS = of('region/identity/enlistment.ts', [
  'machine: Machine): ReportIgnored | undefined {\n  if (machine.vouchedMac !== undefined) return',
  'machine: Machine): ReportIgnored | undefined {\n  return undefined;\n  if (machine.vouchedMac !== undefined) return',
]);
/** Racks get the cards that only an unknown host names. */
export const STRANGERS_CARDS_SENT = of('region/identity/interface-source.ts', [
  "machine.status === 'new' ? firmMacs(machine) : heldMacs(machine);",
  'heldMacs(machine);',
]);
/** Passwords are checked as they come: guesses and requests are not limited, and waiting is not shared out. */
export const NO_PASSWORD_LIMITS = [
  ...NO_SHARES,
  ...of('region/accounts/password-limits.ts', [
    'const network = networkOfText(address);\n',
    'return new Permit([]);\n    const network = networkOfText(address);\n',
  ]),
  ...of('region/http/routes.ts', [
    'switch (strangers.of(rackUuid).excess(address, region.clock.now())) {',
    'switch (undefined) {',
  ]),
];
/** An account sets new passwords as often as it likes, from as many addresses as it likes. */
export const ENDLESS_NEW_PASSWORDS = [
  ...NO_SHARES,
  ...of('region/accounts/passwords.ts', [
    'if (!isAdmin && !(await this.#maySet(',
    'if (false && !(await this.#maySet(',
  ]),
];
/** A batch of a rack is stored in one piece. */
export const WHOLE_BATCHES = of('region/http/rack-batch.ts', ['TURN_MS_MAX = 20;', 'TURN_MS_MAX = 60_000;']);
/** Machines are kept as large as they are described, and a list is made in one piece. */
export const WHOLE_LISTS = [
  ...of('region/records/hardware-facts.ts', [
    'const kept = chooseKept(facts);',
    'const kept: ReturnType<typeof chooseKept> = undefined;',
  ]),
  ...of('region/http/lists.ts', ['LIST_PIECE_BYTES = 64 * 1024;', 'LIST_PIECE_BYTES = 2 ** 30;']),
  ...of('region/shares/long-work.ts', ['PIECE_MS = 4;', 'PIECE_MS = 60_000;']),
];
/** Strangers who register racks say as much as others, as often as they like, and each change has all racks read. */
export const LOUD_STRANGERS = [
  ...of(
    'region/racks/introductions.ts',
    ['STRANGERS_INTERFACES_LENGTH_MAX = 16_384;', 'STRANGERS_INTERFACES_LENGTH_MAX = 300_000;'],
    ["if (!(await mayAsk())) return { kind: 'too-many' };\n", ''],
    ['read.interfaces.map(({ reservations: _, ...judged }) => judged)', 'read.interfaces'],
  ),
  ...of('store/operations/region-racks.ts', [
    'revisions.filter(({ uuid, revision }) => known.get(uuid)?.revision !== revision);',
    'revisions.filter(({ uuid }) => known.get(uuid) !== undefined || true);',
  ]),
];
/** A new session ends the one unused for longest, regardless of its user. */
export const ANY_SESSION_ENDS = of('store/operations/region-sessions.ts', [
  "WHERE account_id = (SELECT account_id FROM session GROUP BY account_id ' +\n  'ORDER BY count(*) DESC, account_id = ? DESC, min(used_ms) LIMIT 1) ORDER BY",
  'WHERE ? > 0 ORDER BY',
]);
/** A new machine takes the place of the one heard longest ago, regardless of its reporter. */
export const ANY_NEW_MACHINE_GIVES_WAY = of('region/identity/new-machines.ts', [
  'if (unproven.length === 0) return undefined;',
  'return unproven[0];',
]);
/** A machine that a rack booted never gives way. */
export const NO_PROVEN_MACHINE_GIVES_WAY = of('region/identity/new-machines.ts', [
  'return ofProven(untouched, newcomer.address);',
  'return undefined;',
]);
/** Machines report from any network. */
export const REPORTS_FROM_ANYWHERE = of('region/api/call/caller.ts', [
  'return config.managedNetworks.some((network) => networkContains(network, address)) || racks.serves(address);',
  'return true;',
]);

/** Answers to probes come by the socket that a flood of ARP fills, at the rate of sightings. */
export const ANSWERS_AMONG_ALL_ARP = of(
  'net/watch/wire-ear.ts',
  ['this.#drainArp(this.#answers, (frame) => this.#onAnswer(frame), now);\n', ''],
  [
    'if (this.#filter.allows(interfaceIndex, sender, senderMac, true, now)) {\n',
    'if (this.#filter.allows(interfaceIndex, sender, senderMac, true, now)) {\n      this.#onAnswer({ bytes, interfaceIndex, from: senderMac });\n',
  ],
);
/** The kernel keeps router messages as they come, of whomever they are. */
export const NO_SIEVE = of('net/watch/router-ear.ts', [
  "if (drained === 'flooded') this.#sieve ??= { until: later(now, SIEVE_MS), frames: 0, renewAt: now };",
  '',
]);

/**
 * The texts of the files that these changes touch.
 *
 * @param read the text of a file below `src`
 * @throws Error for a text that its file does not have exactly once
 */
export function changedTexts(changes: readonly Change[], read: (file: string) => string): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (const { file, of: before, by } of changes) {
    const text = texts.get(file) ?? read(file);
    const count = text.split(before).length - 1;
    if (count !== 1) throw new Error(`${file} has ${count} times: ${before}`);
    texts.set(
      file,
      text.replace(before, () => by),
    );
  }
  return texts;
}
