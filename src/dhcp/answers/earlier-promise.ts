// Decides until when a client counts on its address: the longest time it was promised, because the
// reply with a shorter one may have been lost, until the client shows that it counts on the
// shorter. Sources: RFC 2131 §3.2, §3.3, §4.4.5.
//
//   promised a year ── ACK of ten minutes ─┬─ lost:  the client asks again soon, or at T1 of its year
//                                          └─ heard: it renews at T1 of the ten minutes, each time
//
// 1. A renewal is on time if it comes about T1 after the last recorded ACK and gets the same lease
//    time again. One such renewal proves nothing. A client without a reply asks again after half of
//    the time left until T2, or the end (RFC 2131 §4.4.5), and one such pause may be as long as T1.
//    Two on-time renewals in a row are proof: retry pauses halve, so no two fall within ON_TIME_MIN
//    to ON_TIME_MAX of one T1.
// 2. By the RFC a pause is at least 60 s (RFC 2131 §4.4.5), although dhclient and dhcpcd ask
//    sooner. If T1 is below RENEWAL_MS_MIN, nothing is concluded, so a firmware lease (30 s) never
//    ends a promise to the system.
// 3. A lease without end has no T1 (RFC 2131 §3.3): the first on-time renewal is proof.
// 4. A client that starts over (INIT, INIT-REBOOT) ends no promise. By figure 5 it holds nothing,
//    but a system may use a remembered lease if no server answers (RFC 2131 §3.2 step 3), and
//    another system of the machine may be starting over. Nor does a loader, or a client under
//    another identifier, end one.
// 5. Only a unicast from the address itself (RENEWING) counts: any host could send others in the
//    client's name.

import { ANY } from '../../ground/address.ts';
import { type Instant, later } from '../../ground/clock.ts';
import { ENDLESS_SECONDS, type Lease } from '../leases/lease.ts';
import type { DhcpSubnet } from '../networks/config.ts';
import { computeRenewalTimes } from '../networks/lease-time.ts';
import { OPTION } from '../wire/options.ts';
import type { Inquiry } from './inquiry.ts';

/** On time is between these multiples of T1. */
const ON_TIME_MIN = 0.9;
const ON_TIME_MAX = 1.5;
/** Twice the shortest pause before a client repeats a renewal, in milliseconds. */
const RENEWAL_MS_MIN = 120_000;
/** While more time than this is left, no client has reached T1, however long its lease. */
const BEFORE_ANY_T1_MS = (ENDLESS_SECONDS / 2) * 1000;

/**
 * The record of a client that now gets less than promised.
 * @param promised its running lease, which ends later than `next`
 * @param next the record without the promise
 */
export function keepPromise(inquiry: Inquiry, subnet: DhcpSubnet, promised: Lease, next: Lease): Lease {
  const { expiresAt } = promised;
  if (!isOnTime(inquiry, subnet, promised, next)) return { ...next, expiresAt };
  const isEndless = expiresAt - inquiry.now > BEFORE_ANY_T1_MS;
  if (isEndless || promised.cameOnTime === true) return next;
  return { ...next, expiresAt, cameOnTime: true };
}

function isOnTime(inquiry: Inquiry, subnet: DhcpSubnet, promised: Lease, next: Lease): boolean {
  const { client, now } = inquiry;
  if (!isRenewing(inquiry) || client !== undefined) return false;
  if (promised.duration !== next.duration || promised.clientId !== next.clientId) return false;
  const renewalMs = computeRenewalTimes(subnet, promised.duration).renewal * 1000;
  const from: Instant = later(promised.grantedAt, renewalMs * ON_TIME_MIN);
  const to: Instant = later(promised.grantedAt, renewalMs * ON_TIME_MAX);
  if (now < from || now >= to) return false;
  return renewalMs * ON_TIME_MIN >= RENEWAL_MS_MIN || promised.expiresAt - now > BEFORE_ANY_T1_MS;
}

function isRenewing({ message, arrival, from }: Inquiry): boolean {
  if (message.ciaddr === ANY || message.giaddr !== ANY || message.options.has(OPTION.serverIdentifier)) return false;
  return arrival.interfaceName === undefined && (from === undefined || from === message.ciaddr);
}
