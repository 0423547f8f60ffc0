// The bounds of the boot HTTP door.

import type { HeldBound } from './row.ts';

export const HTTP_BOUNDS: readonly HeldBound[] = [
  {
    at: 'http/server.ts CONNECTIONS_MAX',
    what: 'connections of all boot listeners together',
    whoCanFill: 'some hosts together, by connections that say or read little',
    whatOthersNotice: 'a further connection is closed without an answer',
    howItEmpties: 'after 15 s without a whole request, 120 s without a byte, 300 s in all',
    share: 'by address through CONNECTIONS_PER_PEER_MAX',
  },
  {
    at: 'http/server.ts CONNECTIONS_PER_PEER_MAX',
    what: 'connections of one address',
    whoCanFill: 'that address, and machines behind a router that translates addresses',
    whatOthersNotice: 'nothing; a further connection of that address is closed without an answer',
    howItEmpties: 'as those of all',
    share: 'it is the share',
    test: 'http/server.test.ts',
  },
  {
    at: 'http/server.ts PIPELINED_MAX',
    what: 'requests of one connection that are answered at a time',
    whoCanFill: 'the client of that connection',
    whatOthersNotice: 'nothing: that connection is cut',
    howItEmpties: 'as its answers are read',
    share: 'by connection',
    test: 'http/server.test.ts',
  },
  {
    at: 'http/proxy.ts PROXIED_MAX',
    what: 'requests that are with the region',
    whoCanFill: 'hosts that send the body of a post slowly',
    whatOthersNotice: 'a machine that enlists or reports is told 503 and asks again',
    howItEmpties: 'with the answer, or after 300 s',
    share: 'by address only through its connections',
  },
  {
    at: 'http/region-stand-in.ts BODIES_MAX',
    what: 'reports that are held in memory while the region is away',
    whoCanFill: 'eight hosts that send their reports slowly',
    whatOthersNotice:
      'a further report is passed on to the region, which is away: the machine is told 503 and asks again',
    howItEmpties: 'when a report is whole, or after 300 s',
    share: 'by address through BODIES_PER_PEER_MAX',
    test: 'http/stand-in.test.ts',
  },
  {
    at: 'http/region-stand-in.ts BODIES_PER_PEER_MAX',
    what: 'the same of one machine',
    whoCanFill: 'that machine',
    whatOthersNotice: 'nothing',
    howItEmpties: 'when a report is whole, or after 300 s',
    share: 'it is the share',
    test: 'http/stand-in.test.ts',
  },
  {
    at: 'http/boot-requests.ts #bootSampler',
    what: 'events of files and configurations that were sent',
    whoCanFill: 'whoever loads small files over and over',
    whatOthersNotice: 'log and timeline tell of loads with a count',
    howItEmpties: 'with time',
    share: 'none: the files are sent all the same',
  },
  {
    at: 'boot/boot-tokens.ts TOKENS_MAX',
    what: 'boots of New machines whose token is remembered',
    whoCanFill: 'holders of thousands of leases that ask for their configuration',
    whatOthersNotice: 'the rack does not vouch for the machine that asked longest ago: its report counts as unproven',
    howItEmpties: 'after 2 hours; the one given longest ago goes first',
    share: 'by lease: an address and a hardware address have one',
    test: 'boot/boot-tokens.test.ts',
  },
];
