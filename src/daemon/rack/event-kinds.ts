// Every kind of event of this process, collected from the tables of all rooms.

import { BOOT_EVENTS } from '../../boot/events.ts';
import { DHCP_EVENTS } from '../../dhcp/events/events.ts';
import { DNS_EVENTS } from '../../dns/events.ts';
import type { EventKind } from '../../event.ts';
import { HTTP_EVENTS } from '../../http/events.ts';
import { OBSERVE_EVENTS } from '../../observe/events.ts';
import { TFTP_EVENTS } from '../../tftp/events.ts';
import { UPLINK_EVENTS } from '../../uplink/events.ts';
import { DAEMON_EVENTS } from './events.ts';
import { NET_EVENTS } from './wire-events.ts';

/** The kinds by name. */
export const EVENT_KINDS: ReadonlyMap<string, EventKind> = new Map(
  Object.entries({
    ...DAEMON_EVENTS,
    ...BOOT_EVENTS,
    ...DHCP_EVENTS,
    ...TFTP_EVENTS,
    ...HTTP_EVENTS,
    ...NET_EVENTS,
    ...DNS_EVENTS,
    ...OBSERVE_EVENTS,
    ...UPLINK_EVENTS,
  }),
);
