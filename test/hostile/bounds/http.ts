// The bounds of the boot HTTP door.

import type { HeldBound } from './row.ts';

export const HTTP_BOUNDS: readonly HeldBound[] = [
  {
    at: 'http/server.ts CONNECTIONS_MAX',
    what: 'connections of all boot listeners together that are served',
    whoCanFill: 'some hosts together, by connections that say or read little',
    whatOthersNotice: 'they wait at the most: who holds more than a fair share loses one to each newcomer',
    harm: { kind: 'waits' },
    howItEmpties:
      'after 5 s at rest when somebody needs the place, 15 s without the fields of a request, 120 s without a byte',
    share: 'by network and address',
    test: 'http/crowded.test.ts',
  },
  {
    at: 'http/server.ts WAITING_MAX',
    what: 'connections that wait, unread, for one of those places',
    whoCanFill: 'hundreds of hosts at once, or one that connects without end',
    whatOthersNotice: 'they are answered 503 with Retry-After when nobody else has more than a fair share',
    harm: { kind: 'refused', stoppedBy: 'IP source guard; a VLAN for each owner; a firewall before the port' },
    howItEmpties: 'as places become free, and after 20 s',
    share: 'by network and address',
    test: 'http/crowded.test.ts',
  },
  {
    at: 'net/connection-shares.ts PARTING_MAX',
    what: 'connections of one door that were ended and may still read why',
    whoCanFill: 'hosts that are turned away',
    whatOthersNotice: 'a connection that is turned away is cut without a word',
    harm: { kind: 'waits' },
    howItEmpties: 'within 2 s',
    share: 'none is needed: who is turned away has no place anyway',
    test: 'net/connection-shares.test.ts',
  },
  {
    at: 'net/unsent-bytes.ts UNSENT_BYTES_MAX',
    what: 'octets of an answer that the kernel keeps for one connection beyond what it may send now',
    whoCanFill: 'a client that asks for a long file and does not read it',
    whatOthersNotice: 'nothing: all connections together stay far below the memory that the kernel has for TCP',
    howItEmpties: 'as the client reads; a connection on which nothing moves ends after 120 s',
    share: 'by connection',
    test: 'net/unsent-bytes.test.ts',
  },
  {
    at: 'http/body-arrival.ts ARRIVING_MAX',
    what: 'bodies whose first part is being read',
    whoCanFill: 'hosts of as many addresses that send the body of a post slowly',
    whatOthersNotice:
      'they wait some seconds: who holds too many, or lags by 5 s behind 16 KiB/s, loses one to a newcomer',
    harm: { kind: 'waits' },
    howItEmpties:
      'as bodies arrive: the first 64 KiB come within 10 s where others wait; one that stops is ended within 11 s',
    share: 'by network and address',
    test: 'http/body-arrival.test.ts',
  },
  {
    at: 'http/proxy.ts PROXIED_MAX',
    what: 'requests that are with the region',
    whoCanFill: 'hosts of as many addresses that post or read slowly',
    whatOthersNotice:
      'they wait some seconds: who holds too many, or lags by 5 s behind 16 KiB/s, loses one to a newcomer; behind 256 that keep just above it, for 2 minutes at most, with 503 in between',
    harm: { kind: 'waits' },
    howItEmpties:
      'with the answer; where others wait, after 2 minutes for a slow client; a body that stops is ended within 11 s',
    share: 'by network and address',
    test: 'http/proxy.test.ts',
  },
  {
    at: 'http/region-stand-in.ts BODIES_MAX',
    what: 'reports that are held in memory while the region is away',
    whoCanFill: 'machines, or hosts, of as many addresses that post reports',
    whatOthersNotice:
      'they wait some seconds: who holds too many, or lags by 5 s behind 16 KiB/s, loses one to a newcomer; behind 16 that keep just above it, for 2 minutes at most, with 503 in between',
    harm: { kind: 'waits' },
    howItEmpties:
      'when a report is on disk or with the region; where others wait, after 2 minutes for a slow one; one that stops is ended within 11 s',
    share: 'by network and address',
    test: 'http/stand-in.test.ts',
  },
  {
    at: 'net/body-places.ts BODIES_WAITING_MAX',
    what: 'requests of one door that wait, their bodies unread, for one of those places, each with up to 128 KiB',
    whoCanFill: 'hosts of hundreds of addresses, more than one /24 has',
    whatOthersNotice: 'they are answered 503 with Retry-After when nobody else has more than a fair share',
    harm: { kind: 'refused', stoppedBy: 'IP source guard; a VLAN for each owner; a firewall before the port' },
    howItEmpties: 'as places are released, and after 20 s',
    share: 'by network and address',
    test: 'net/body-places.test.ts',
  },
  {
    at: 'net/pipelining.ts PIPELINED_MAX',
    what: 'requests of one connection that are answered at a time, at every HTTP door',
    whoCanFill: 'the client of that connection',
    whatOthersNotice: 'nothing: that connection ends after the answers',
    howItEmpties: 'as its answers are read',
    share: 'by connection',
    test: 'http/server.test.ts',
  },
  {
    at: 'http/boot-requests.ts #bootSampler',
    what: 'events of files and configurations that were sent',
    whoCanFill: 'whoever loads small files over and over',
    whatOthersNotice: 'log and timeline tell of loads with a count',
    harm: { kind: 'told' },
    howItEmpties: 'with time',
    share: 'none: the files are sent all the same',
    test: 'http/server.test.ts',
  },
  {
    at: 'boot/boot-tokens.ts TOKENS_MAX',
    what: 'boots of New machines whose token is remembered',
    whoCanFill: 'holders of thousands of leases that ask for their configuration',
    whatOthersNotice: 'the rack does not vouch for the machine that asked longest ago: its report counts as unproven',
    harm: { kind: 'refused', stoppedBy: 'port security with few hardware addresses for each port, DHCP snooping' },
    howItEmpties: 'after 2 hours; the one given longest ago goes first',
    share: 'by lease: an address and a hardware address have one',
    test: 'boot/boot-tokens.test.ts',
  },
];
