// The kinds of events that tell of the service itself: its store, its sockets, and what could not be sent.

import type { EventKind } from '../event.ts';

/** Part of the kinds of events of this room. */
export const DHCP_SERVICE_EVENTS = {
  'dhcp.store-unavailable': {
    level: 'error',
    message: 'DHCP leases cannot be written',
    explanation:
      'Leases cannot be stored; reason says why. The disk refused them, or has not taken one within 2 s: free disk space, or repair the disk. Or the processors of this host are too busy for the write: see what else runs there. No lease is given or renewed until a write is quick again; clients keep the address they have until it ends.',
  },
  'dhcp.store-restored': {
    level: 'info',
    message: 'DHCP leases can be written again',
    explanation: 'The disk stores leases again. Clients that were left without an answer ask again by themselves.',
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
      'A socket for DHCP could not be opened; the reason says why. It is tried again by itself. The other interfaces are served meanwhile.',
  },
  'dhcp.send-failed': {
    level: 'warning',
    message: 'DHCP reply could not be sent',
    explanation:
      'The operating system refused to send a reply; the reason is its error code. The interface may be down or its address gone. The client asks again by itself.',
  },
} as const satisfies Readonly<Record<string, EventKind>>;
