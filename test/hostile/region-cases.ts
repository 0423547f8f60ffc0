// The cases of the region: its API, its page, and the racks that ask to be accepted.

import { LARGE_BODIES_MAX } from '../../src/region/http/listener-limits.ts';
import { SESSIONS_MAX } from '../../src/region/page/frame/sessions.ts';
import { PENDING_RACKS_MAX } from '../../src/region/records/rack.ts';
import { AT_THE_REGION, connected, every, grown, type HostileCase } from './case.ts';
import { HOLDER_MAC, HOLDER_NAME, KNOWN_MAC, NEW_MACHINES_MAX, REPORTED_MAC, WORKER_MAC } from './site.ts';

/** The listeners for HTTP and for TLS share their places. */
const OVER_TLS = { ...AT_THE_REGION, 'the API answers over TLS': 10, 'an administrator signs in': 15 };

export const REGION_CASES: readonly HostileCase[] = [
  // Before the flood of reports, which takes the places of New machines.
  {
    door: 'region',
    attacker: 'reports another host’s machine, which no rack has booted, as something else',
    attack: 'amend-others',
    from: 'attacker',
    words: [REPORTED_MAC],
    bites: grown(20, 'rackboot_region_api_answers_total'),
    others: { ...AT_THE_REGION, 'a machine keeps its reported hardware': 5 },
  },
  {
    door: 'region',
    attacker: 'leases an address under the hardware address of a machine at work in another network, and reports as it',
    attack: 'steal-boot',
    from: 'attacker',
    words: [WORKER_MAC],
    bites: grown(5, 'rackboot_region_api_answers_total'),
    // It takes a list of the machines, for which others have this time, too.
    others: { 'a machine at work in another network stays at work': 10 },
  },
  {
    door: 'region',
    attacker: 'reports machines with a client’s name, and with the cards of others under a denied name',
    attack: 'enlist-as-others',
    from: 'attacker',
    words: [`${HOLDER_NAME}=02:00:5e:00:53:01,its-guest=${HOLDER_MAC},another-guest=${KNOWN_MAC}`],
    bites: grown(12, 'rackboot_region_api_answers_total', { class: '2xx' }),
    short: false,
    others: {
      'a client keeps its name': 5,
      'a client that no class denies gets its address again': 8,
      'a machine with a reservation gets its address': 8,
      'a machine enlists': 15,
    },
  },
  {
    door: 'region',
    attacker: 'holds 2400 connections and asks nothing',
    attack: 'api-connections',
    from: 'attacker',
    bites: connected(1500, 5240),
    short: false,
    others: { ...AT_THE_REGION, 'an administrator signs in': 10 },
  },
  {
    door: 'region',
    attacker: 'holds 2400 connections to the port for TLS and shakes no hands',
    attack: 'tls-silent',
    from: 'attacker',
    bites: connected(1500, 5443),
    short: false,
    others: OVER_TLS,
  },
  {
    door: 'region',
    attacker: 'shakes hands an octet at a time over 2400 connections',
    attack: 'tls-slow-hello',
    from: 'attacker',
    bites: connected(1500, 5443),
    short: false,
    others: OVER_TLS,
  },
  {
    door: 'region',
    attacker:
      'sends records of noise that do not end, hellos without a second word, and ever new handshakes over 2400 connections',
    attack: 'tls-noise',
    from: 'attacker',
    bites: connected(900, 5443),
    short: false,
    others: OVER_TLS,
  },
  {
    door: 'region',
    attacker: 'has shaken hands over 1400 connections, and says nothing more',
    attack: 'tls-held',
    from: 'attacker',
    bites: connected(1024, 5443),
    short: false,
    others: OVER_TLS,
  },
  {
    door: 'region',
    attacker: 'posts to the API over 2400 connections without ever ending',
    attack: 'api-slow-posts',
    from: 'attacker',
    bites: connected(1500, 5240),
    short: false,
    others: { ...AT_THE_REGION, 'an administrator signs in': 10 },
  },
  {
    door: 'region',
    attacker: 'posts large bodies slowly from 32 addresses of the network of the machines',
    attack: 'api-large-bodies',
    from: 'attacker',
    bites: connected(LARGE_BODIES_MAX, 5240),
    short: false,
    others: { ...AT_THE_REGION, 'a machine enlists with a long report': 12, 'an administrator signs in': 10 },
  },
  {
    door: 'region',
    attacker: 'has an account, and follows the events 200 times at once',
    attack: 'api-followers',
    from: 'attacker',
    words: (site) => [site.attackersKey],
    bites: every(connected(64, 5240), grown(50, 'rackboot_region_api_answers_total')),
    short: false,
    others: { ...AT_THE_REGION, 'an administrator follows the events': 10, 'an administrator signs in': 10 },
  },
  {
    door: 'region',
    attacker: 'guesses an administrator’s password from 64 addresses',
    attack: 'api-passwords',
    from: 'attacker',
    bites: grown(500, 'rackboot_region_api_answers_total', { class: '4xx' }),
    // As many addresses as wait at a time hold the queue until their first tries are spent, some 20 s.
    short: false,
    others: { ...AT_THE_REGION, 'an administrator signs in': 45 },
  },
  {
    door: 'region',
    attacker: 'has an account without rights, and sets its password again and again from 64 addresses',
    attack: 'api-new-passwords',
    from: 'attacker',
    words: (site) => [site.ordinaryKey],
    bites: grown(500, 'rackboot_region_api_answers_total', { class: '4xx' }),
    short: false,
    others: { ...AT_THE_REGION, 'an administrator signs in': 45 },
  },
  {
    door: 'region',
    attacker: 'has an account, and signs in again and again from 64 addresses',
    attack: 'api-sessions',
    from: 'attacker',
    bites: grown(SESSIONS_MAX + 100, 'rackboot_region_api_answers_total', { class: '3xx' }),
    short: false,
    others: {
      ...AT_THE_REGION,
      'an administrator who signed in long ago still is': 10,
      'an administrator signs in': 15,
    },
  },
  {
    door: 'region',
    attacker: 'has an account without rights, follows the events, signs in and creates machines, all at once',
    attack: 'api-ordinary',
    from: 'attacker',
    words: (site) => [site.ordinaryKey],
    bites: every(
      connected(64, 5240),
      grown(SESSIONS_MAX + 1, 'rackboot_region_api_answers_total', { class: '3xx' }),
      grown(50, 'rackboot_region_api_answers_total', { class: '2xx' }),
    ),
    leavesMachines: true,
    short: false,
    others: {
      ...AT_THE_REGION,
      'an administrator follows the events': 10,
      'an administrator who signed in long ago still is': 10,
      'an administrator signs in': 15,
    },
  },
  {
    door: 'region',
    attacker: 'registers racks that do not exist from 64 addresses',
    attack: 'rack-flood',
    from: 'attacker',
    bites: every(
      (now) => now.sum('rackboot_region_racks', { state: 'pending' }) >= PENDING_RACKS_MAX,
      grown(200, 'rackboot_region_api_answers_total', { class: '4xx' }),
    ),
    keeps: {
      what: 'no more racks wait than the bound allows',
      isTrue: (now) => now.sum('rackboot_region_racks', { state: 'pending' }) <= PENDING_RACKS_MAX,
    },
    short: false,
    others: { ...AT_THE_REGION, 'a rack asks to be accepted': 10 },
  },
  {
    door: 'region',
    attacker: 'enlists machines that do not exist, as fast as it can',
    attack: 'enlist-flood',
    from: 'attacker',
    // All places are taken, and as many were asked for after that.
    bites: (now, before) =>
      now.sum('rackboot_region_api_answers_total', { class: '2xx' }) +
        now.sum('rackboot_region_api_refusals_total', { reason: 'new-machines-limit' }) -
        before.sum('rackboot_region_api_answers_total', { class: '2xx' }) -
        before.sum('rackboot_region_api_refusals_total', { reason: 'new-machines-limit' }) >=
      2 * NEW_MACHINES_MAX,
    short: false,
    others: { ...AT_THE_REGION, 'an administrator signs in': 15, 'a machine keeps its reported hardware': 5 },
  },
];
