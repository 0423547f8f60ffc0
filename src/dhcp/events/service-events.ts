// The events of the service itself: its store, its sockets, and replies that could not be sent.

import type { EventKind } from '../../event.ts';

/** Some of the kinds of DHCP events. */
export const DHCP_SERVICE_EVENTS = {
  'dhcp.store-unavailable': {
    level: 'error',
    message: 'DHCP leases cannot be written',
    explanation:
      'Leases cannot be stored; reason says why. Either the disk refused them or took longer than 2 s: free disk space, or repair the disk. Or the processors of this host are too busy for the write: find out what else runs there. The rack gives no lease until a write is fast again, and renews only those of addresses that are fixed for their clients; other clients keep their addresses until their leases end.',
  },
  'dhcp.store-restored': {
    level: 'info',
    message: 'DHCP leases can be written again',
    explanation: 'The disk stores leases again. Clients that got no answer ask again.',
  },
  'dhcp.ballast-freed': {
    level: 'error',
    message: 'the disk is full: leases use the room that was set aside',
    explanation:
      'The disk of the state directory is full. The rack has removed its file leases.ballast (8 MiB), so leases are written until that room is used, too. Free disk space now. The file comes back by itself when there is room.',
  },
  'dhcp.ballast-kept': {
    level: 'info',
    message: 'room for leases is set aside again',
    explanation: 'The disk of the state directory has room again, and the file leases.ballast is back.',
  },
  'dhcp.socket-open': {
    level: 'info',
    message: 'DHCP listens',
    explanation: 'DHCP answers on this interface or address.',
  },
  'dhcp.socket-failed': {
    level: 'error',
    message: 'DHCP cannot listen',
    explanation:
      'The rack could not open a DHCP socket; the reason says why. It keeps trying, and serves the other interfaces meanwhile.',
  },
  'dhcp.send-failed': {
    level: 'warning',
    message: 'DHCP reply could not be sent',
    explanation:
      'The operating system refused to send a reply; the reason is its error code. The interface may be down or its address gone. The client asks again.',
  },
} as const satisfies Readonly<Record<string, EventKind>>;
