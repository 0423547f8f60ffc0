// Until when does a client count on its address? As long as the longest time that it was promised, for the answer that named a shorter one
// may have been lost. That is over when the client is seen to count on the shorter one. Sources: RFC 2131 §3.2, §3.3, §4.4.5.
//
//   a year was promised ── ACK of ten minutes ─┬─ lost:  the client asks again soon, or at T1 of its year
//                                              └─ heard: it extends at T1 of the ten minutes, each time
//
// 1. A renewal is on time when it comes, after the last recorded ACK, at about T1 of the time which that one named, and again gets as much.
//    One alone shows nothing: a client that hears no answer waits for half of what is left until T2, or until the end, before it asks
//    again (RFC 2131 §4.4.5), and one of these pauses may be as long. Two in a row show it: each such pause is half of the one before, so
//    that no two are within ON_TIME_MIN to ON_TIME_MAX of one T1.
// 2. A pause of that order has a floor: 60 s (RFC 2131 §4.4.5; dhclient and dhcpcd ask again sooner). Where T1 is below RENEWAL_MS_MIN
//    nothing is concluded, so that no lease of firmware (30 s) ends what its system was promised.
// 3. A lease without end has no T1 (RFC 2131 §3.3): whoever extends on time has heard of a shorter one, and the first shows it.
// 4. Who begins anew (INIT, INIT-REBOOT) ends no promise. By figure 5 it holds nothing, but a system that remembers its lease may go on with
//    it when nobody answers (RFC 2131 §3.2 step 3), and who begins anew may be the firmware or another system of the same machine. For the same
//    reason a loader shows nothing, nor does a client under another identifier than the one that was told of the shorter time.
// 5. It counts what comes by unicast from the very address (RENEWING), as for a RELEASE: anything else anybody can say in its name.

import { type Instant, later } from '../../clock.ts';
import { ANY } from '../../net/address.ts';
import { ENDLESS_SECONDS, type Lease } from '../leases/lease.ts';
import type { DhcpSubnet } from '../networks/config.ts';
import { renewalTimesOf } from '../networks/lease-time.ts';
import { OPTION } from '../wire/options.ts';
import type { Inquiry } from './inquiry.ts';

/** On time is what comes within these parts of T1. */
const ON_TIME_MIN = 0.9;
const ON_TIME_MAX = 1.5;
/** Twice the shortest time after which a renewal that was not answered is sent again, in milliseconds. */
const RENEWAL_MS_MIN = 120_000;
/** Of a lease that has more left, nobody has come to T1, however long it was. */
const BEFORE_ANY_T1_MS = (ENDLESS_SECONDS / 2) * 1000;

/**
 * The record of a client that was promised more than it gets now.
 *
 * @param promised its running lease, which ends later than `next`
 * @param next what would be recorded without it
 */
export function keepPromise(inquiry: Inquiry, subnet: DhcpSubnet, promised: Lease, next: Lease): Lease {
  const { expiresAt } = promised;
  if (!isOnTime(inquiry, subnet, promised, next)) return { ...next, expiresAt };
  const isEndless = expiresAt - inquiry.now > BEFORE_ANY_T1_MS;
  if (isEndless || promised.cameOnTime === true) return next;
  return { ...next, expiresAt, cameOnTime: true };
}

/** True for a renewal that comes when a client comes that has heard of the time which `promised` names. */
function isOnTime(inquiry: Inquiry, subnet: DhcpSubnet, promised: Lease, next: Lease): boolean {
  const { client, now } = inquiry;
  if (!isRenewing(inquiry) || client !== undefined) return false;
  if (promised.duration !== next.duration || promised.clientId !== next.clientId) return false;
  const renewalMs = renewalTimesOf(subnet, promised.duration).renewal * 1000;
  const from: Instant = later(promised.grantedAt, renewalMs * ON_TIME_MIN);
  const to: Instant = later(promised.grantedAt, renewalMs * ON_TIME_MAX);
  if (now < from || now >= to) return false;
  return renewalMs * ON_TIME_MIN >= RENEWAL_MS_MIN || promised.expiresAt - now > BEFORE_ANY_T1_MS;
}

function isRenewing({ message, arrival, from }: Inquiry): boolean {
  if (message.ciaddr === ANY || message.giaddr !== ANY || message.options.has(OPTION.serverIdentifier)) return false;
  return arrival.interfaceName === undefined && (from === undefined || from === message.ciaddr);
}
