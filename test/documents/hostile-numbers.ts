// Where the numbers of docs/hostile-hosts.md come from: bounds of the code, measurements, and what is not a number of ours.

/** A constant as `file NAME`, a part of one as `file NAME part`; what it is divided by; left out: 1. */
export type Source = string | readonly [at: string, divisor: number];

/** A piece of the text in which each `{}` is the value of a constant. */
export type Stated = readonly [text: string, ...of: readonly Source[]];

const ms = (at: string): Source => [at, 1000];
const minutes = (at: string): Source => [at, 60_000];
const kib = (at: string): Source => [at, 1024];
const mib = (at: string): Source => [at, 1024 * 1024];

const ANSWERS = 'dns/large-answers.ts LARGE_ANSWERS';
const PLACES = 'tftp/places.ts';

export const STATED: readonly Stated[] = [
  ['has not been taken up within {} s', ms('dhcp/leases/offers.ts OFFER_ANSWERED_MS')],
  [
    'or within {} s once it has itself waited for {} s',
    ms('dhcp/leases/offers.ts OFFER_PRESSED_MS'),
    ms('dhcp/answers/newcomer.ts PATIENT_MS'),
  ],
  ['less than the {} MiB asked for', mib('net/datagrams/udp-linux.ts SEND_BUFFER_BYTES')],
  [
    'There are {} places for transfers that no client has answered and {} for the others',
    `${PLACES} UNANSWERED_MAX`,
    `${PLACES} TRANSFERS_MAX`,
  ],
  ['acknowledges nothing new ends after {} s', ms('tftp/transfer.ts SILENCE_MS_MAX')],
  [
    'One address has at most {} places for answered transfers and {} for the others',
    `${PLACES} TRANSFERS_OF_ADDRESS_MAX`,
    `${PLACES} UNANSWERED_OF_ADDRESS_MAX`,
  ],
  ['Beyond {}, its oldest unanswered transfer', `${PLACES} UNANSWERED_OF_ADDRESS_MAX`],
  ['Beyond {}, a transfer whose client is silent', `${PLACES} TRANSFERS_OF_ADDRESS_MAX`],
  ['while more than {} transfers of one address are unanswered', `${PLACES} REPEATED_TO_MAX`],
  [
    'transfers start in turns: {} in one turn of the event loop, {} of one address',
    'tftp/server.ts TURN_BEGINS_MAX',
    'tftp/server.ts SHARE_BEGINS_MAX',
  ],
  ['After {} ms without a rest, starting transfers takes at most half of the time', 'tftp/server.ts BEGIN_STRETCH_MS'],
  [
    'Of one address {} requests may wait, {} in all',
    'tftp/server.ts WAITING_OF_ADDRESS_MAX',
    'tftp/server.ts WAITING_MAX',
  ],
  ['a flood of more than {} forged requests', `${PLACES} UNANSWERED_MAX`],
  ['| {} questions of one address wait for an upstream', 'dns/flights.ts CLIENT_WAITERS_MAX'],
  [
    '| {} questions wait in all, {} for names of one domain, or {} are being asked over TCP',
    'dns/flights.ts WAITERS_MAX',
    'dns/flights.ts SUFFIX_FLIGHTS_MAX',
    'dns/flights.ts STREAMS_MAX',
  ],
  [
    '| {} replies of upstream servers over {} KiB',
    'dns/large-replies.ts LARGE_REPLIES_WAITING_MAX',
    kib('dns/large-replies.ts LARGE_REPLY_OCTETS'),
  ],
  ['| {} large answers a second, {} at once, go to one address by UDP', `${ANSWERS} perSecond`, `${ANSWERS} burst`],
  ['An address has at most {} connections: the one', 'dns/server.ts CLIENT_CONNECTIONS_MAX'],
  ['Beyond {} in all, the address with the most connections', 'dns/server.ts CONNECTIONS_MAX'],
  [
    'a few at a time: {} in one turn of its event loop, {} of one connection',
    'dns/stream.ts STREAM_TURNS turnWork',
    'dns/stream.ts STREAM_TURNS shareWork',
  ],
  ['Questions wait for an upstream in {} places', 'dns/flights.ts WAITERS_MAX'],
  ['After {} answers to one question with wrong ids', 'dns/forward.ts NEAR_MISSES_MAX'],
  ['an answer by UDP has at most {} octets', 'dns/message.ts UDP_OCTETS_MAX'],
  [
    'One address gets {} answers a second, and {} at once, that are more than {} times as long as their question',
    `${ANSWERS} perSecond`,
    `${ANSWERS} burst`,
    'dns/large-answers.ts LARGE_FACTOR',
  ],
  ['An answer of up to {} times its question is never limited', 'dns/large-answers.ts LARGE_FACTOR'],
  [
    'an address gets {} answers a second (62 kB/s) that are more than {} times as long as their question, and a /24 gets {}',
    `${ANSWERS} perSecond`,
    'dns/large-answers.ts LARGE_FACTOR',
    'dns/large-answers.ts NETWORK_LARGE_ANSWERS perSecond',
  ],
  ['at most {} texts are rendered at once and one a second', 'observe/instrument-server.ts SCRAPE_RATE burst'],
  [
    'an address gets {} answers a second, and {} at once; further requests',
    'observe/instrument-server.ts ADDRESS_RATE perSecond',
    'observe/instrument-server.ts ADDRESS_RATE burst',
  ],
  ['{} connections are served, shared out', 'observe/instrument-server.ts CONNECTIONS_MAX'],
  ['get {} requests a second at most, which is half', 'region/shares/request-rates.ts WORKERS_PER_NETWORK perSecond'],
  ['Requests start {} in one turn of the event loop', 'net/shares/request-turns.ts TURN_REQUESTS_MAX'],
  [
    'must come at {} KiB/s (131 kbit/s); it may lag behind that by {} s, and take {} minutes in all',
    kib('net/shares/body-places.ts BODY_PACE'),
    ms('net/shares/body-places.ts BODY_LAG_MS_MAX'),
    minutes('net/shares/body-places.ts BODY_HELD_MS_MAX'),
  ],
  ['That suffices for a report of {} MiB, the largest possible', mib('region/http/routes.ts BODY_BYTES_MAX')],
  [
    'a body may take {} minutes, if at least {} KiB comes in every {} s',
    minutes('net/shares/body-places.ts REQUEST_MS_MAX'),
    kib('net/shares/arriving-body.ts BODY_WINDOW_BYTES_MIN'),
    ms('net/shares/arriving-body.ts BODY_WINDOW_MS'),
  ],
  [
    '| send at just {} KiB/s, all the time | gets one within {} minutes; until then it waits {} s',
    kib('net/shares/body-places.ts BODY_PACE'),
    minutes('net/shares/body-places.ts BODY_HELD_MS_MAX'),
    ms('net/shares/body-places.ts BODY_WAIT_MS_MAX'),
  ],
  ['with each request can continue for {} minutes after a correct one', minutes('region/page/guard.ts REMEMBERED_MS')],
  ['A handshake has {} s, and', ms('region/http/server.ts HEADERS_MS_MAX')],
  [
    'more than {} such machines, the region considers only the {} that',
    'region/identity/new-machines.ts UNTOUCHED_LOOKED_MAX',
    'region/identity/new-machines.ts UNTOUCHED_LOOKED_MAX',
  ],
  ['keeps at most {} KiB of a machine’s description', kib('region/records/bounded-facts.ts FACTS_BYTES_MAX')],
  ['in pieces of {} KiB or {} ms', kib('region/http/lists.ts LIST_PIECE_BYTES'), 'region/shares/long-work.ts PIECE_MS'],
  ['At most {} long lists', 'region/http/lists.ts LISTS_MAX'],
  ['up to a /16 each and {} addresses in all', 'region/racks/rack-networks.ts UNASKED_ADDRESSES_MAX'],
  ['networks without approval beyond {} addresses (four /16)', 'region/racks/rack-networks.ts UNASKED_ADDRESSES_MAX'],
  ['may register a rack. At most {} may wait', 'region/records/rack.ts PENDING_RACKS_MAX'],
  ['The region reads {} characters of what', 'region/racks/introductions.ts STRANGERS_INTERFACES_LENGTH_MAX'],
  [
    'the rate of newcomers first ({} from one address at once',
    'region/racks/newcomers.ts REGISTRATIONS_PER_ADDRESS burst',
  ],
  ['a rack sends in turns of {} ms', 'region/http/rack-batch.ts TURN_MS_MAX'],
  ['If a batch is not stored after {} s', ms('region/http/rack-batch.ts BATCH_MS_MAX')],
  [
    'reads {} KiB of a webhook’s answer and searches {} characters',
    kib('power/web-request.ts BODY_BYTES_MAX'),
    'power/answer-search.ts SEARCHED_CHARACTERS_MAX',
  ],
  ['An expression that an administrator wrote may run for {} ms', 'power/answer-search.ts EXPRESSION_MS_MAX'],
  [
    'believes the last holder of an address for at most {} minutes',
    minutes('dhcp/conflicts/last-holders.ts HOLDER_MS_MAX'),
  ],
  ['the rack replies to at most {} different hosts', 'net/datagrams/absent-hosts.ts ABSENT_HOSTS_MAX'],
  [
    'an address that acknowledges nothing gets {} such blocks a second (27 kB/s), a /24 {}',
    'tftp/blind-blocks.ts BLIND_BLOCKS perSecond',
    'tftp/blind-blocks.ts NETWORK_BLIND_BLOCKS perSecond',
  ],
  [
    '| {} packets, then {} a second (27 kB/s), and {} a second to a /24',
    'tftp/blind-blocks.ts BLIND_BLOCKS burst',
    'tftp/blind-blocks.ts BLIND_BLOCKS perSecond',
    'tftp/blind-blocks.ts NETWORK_BLIND_BLOCKS perSecond',
  ],
  ['A body of JSON holds at most {} values', 'region/records/text-json.ts JSON_VALUES_MAX'],
  ['No body holds more than {} parameters', 'region/api/call/form-body.ts FIELDS_MAX'],
  ['with at most {} disks: the first ones', 'region/records/bounded-facts.ts DISKS_KEPT_MAX'],
  ['The session ends {} hours after', ['region/page/sessions.ts SESSION_IDLE_MS', 3_600_000]],
  ['sent a form, after {} days in any case', ['region/page/sessions.ts SESSION_MS_MAX', 86_400_000]],
];

/** Pieces of the text whose numbers are not bounds, by what they are. */
export const OTHERS: Readonly<Record<string, readonly RegExp[]>> = {
  'numbers of documents, ports, options, answers, prefixes, steps': [
    /BCP 38/g,
    /RFC \d+(?: §[\d.]+)?/g,
    /option 118 or 82\.5|boot port \(5248\)|(?:[Pp]ort|\boption) \(?\d+/g,
    /127\.0\.0\.1:52(?:49|50)/g,
    /\bip\(7\)/g,
    /\bMTU 552\b/g,
    /(?:answered|told|answers|gets?) (?:400|413|429|503)|tells them 503/g,
    /\/(?:16|24|64)\b/g,
    /(?<=[a-z\d.:)`] |# [A-Za-z ,:]{3,60})[1-4]\. (?=[A-Z`])/g,
    /exit code 1\b/g,
  ],
  'held by the tests of amplification': [
    /## Amplification .*?(?=These are the worst factors)/g,
    /a request with options \([^)]*\) \| 3, and 3\.2 if it is answered/g,
    /\| 44\.1 \(three packets of 544 octets for one of 37\)/g,
    /\| 44\.1 for the first/g,
    /\| 14\.7, one packet for each: the newer request ends the older one \|/g,
    /\| falls to 15: while/g,
    /guessed acknowledgements \| 3; the port to guess is one of 28000/g,
    /up to 44\.1 octets/g,
    /but sends only 62 kB\/s in the name/g,
    /a block of 512 octets/g,
  ],
  'measurements, and their consequences': [
    /third DISCOVER, within 15 s for most firmware/g,
    /alongside 2000 such addresses and 1000 messages a second, real clients waited 11 to 66 s for one of 200 addresses/g,
    /One host that asks 5000 a second can delay/g,
    /much more than 10000 new hardware addresses/g,
    /a link of 140 kbit\/s/g,
    /within some 6 s/g,
    /may wait 13 s/g,
    /(?<=hardware of a machine has )3400/g,
  ],
  'of the kernel': [/ARP table: 1024 entries/g, /some 750 addresses/g],
};
