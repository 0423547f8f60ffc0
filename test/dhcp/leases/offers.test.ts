// Offers: one per client, one per address, for a limited time and in limited number.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  INTRODUCTIONS_MAX,
  OFFER_ANSWERED_MS,
  OFFER_HOLD_MS,
  OFFERS_MAX,
  Offers,
} from '../../../src/dhcp/leases/offers.ts';
import { indexSubnets } from '../../../src/dhcp/networks/subnet.ts';
import { formatIpv4, type Ipv4, ipv4, mac } from '../../../src/ground/address.ts';
import { instant, later } from '../../../src/ground/clock.ts';
import { ip } from '../../support/lab-facts.ts';
import { aloneIn, config, MAC_A, MAC_B, relayedSubnet, subnet } from '../lab.ts';

const START = instant(1_000_000);
const LAB = aloneIn(indexSubnets(config(subnet()), undefined));
const FAR = aloneIn(indexSubnets(config(relayedSubnet()), undefined));
const ONE = ip('10.20.0.100');
const TWO = ip('10.20.0.101');
const isNear = (address: Ipv4): boolean => address < ip('10.30.0.0');

/** Offers that record changes: `+` for a held address, `-` for a released one. */
function heard() {
  const reported: string[] = [];
  const offers = new Offers({
    onOffered: (address) => void reported.push(`+${formatIpv4(address)}`),
    onOfferGone: (address) => void reported.push(`-${formatIpv4(address)}`),
  });
  return { offers, take: () => reported.splice(0) };
}

test('an offer holds its address for its client until its time is over, to the millisecond', () => {
  const offers = new Offers();
  offers.hold(ONE, MAC_A, LAB, START);
  for (const [afterMs, isKept] of [
    [0, true],
    [OFFER_HOLD_MS - 1, true],
    [OFFER_HOLD_MS, false],
    [86_400_000, false],
  ] as const) {
    const at = later(START, afterMs);
    assert.equal(offers.holderOf(ONE, at), isKept ? MAC_A : undefined, `${afterMs} ms`);
    assert.equal(offers.offeredTo(MAC_A, LAB.served, at), isKept ? ONE : undefined, `${afterMs} ms`);
  }
  assert.equal(offers.size, 1, 'it belongs to no client, and is still stored');
  offers.forget(later(START, OFFER_HOLD_MS - 1));
  assert.equal(offers.size, 1);
  offers.forget(later(START, OFFER_HOLD_MS));
  assert.equal(offers.size, 0);
});

test('a client has one offer, an address one client; the listener hears of each change', () => {
  const { offers, take } = heard();
  offers.hold(ONE, MAC_A, LAB, START);
  assert.deepEqual(take(), ['+10.20.0.100']);
  offers.hold(TWO, MAC_A, LAB, START);
  assert.deepEqual(take(), ['-10.20.0.100', '+10.20.0.101'], 'the new one takes the place of the old');
  assert.equal(offers.holderOf(ONE, START), undefined);
  offers.hold(TWO, MAC_B, LAB, START);
  assert.deepEqual(take(), ['-10.20.0.101', '+10.20.0.101'], 'and whoever had it has none');
  assert.equal(offers.offeredTo(MAC_A, LAB.served, START), undefined);
  assert.equal(offers.holderOf(TWO, START), MAC_B);
  assert.equal(offers.size, 1);
  offers.drop(MAC_A, LAB.sharedNetwork);
  assert.deepEqual(take(), []);
  offers.drop(MAC_B, LAB.sharedNetwork);
  assert.deepEqual(take(), ['-10.20.0.101']);
  assert.equal(offers.size, 0);
});

test('a client has one offer in a shared network, however many subnets it has, and another one elsewhere', () => {
  const { offers, take } = heard();
  const distant = ip('10.30.0.100');
  offers.hold(ONE, MAC_A, LAB, START);
  offers.hold(distant, MAC_A, FAR, START);
  assert.deepEqual(take(), ['+10.20.0.100', '+10.30.0.100']);
  assert.deepEqual([offers.offeredTo(MAC_A, LAB.served, START), offers.holderOf(ONE, START)], [ONE, MAC_A]);
  assert.equal(offers.offeredTo(MAC_A, FAR.served, START), distant);
  offers.drop(MAC_A, FAR.sharedNetwork);
  assert.deepEqual(take(), ['-10.30.0.100']);
  const sharedNetwork = [LAB.served, FAR.served];
  offers.hold(distant, MAC_A, { served: FAR.served, sharedNetwork }, START);
  assert.deepEqual(take(), ['-10.20.0.100', '+10.30.0.100']);
  offers.drop(MAC_A, sharedNetwork);
  assert.deepEqual([take(), offers.size], [['-10.30.0.100'], 0]);
});

test('a hardware address and an identifier that reads like it are two clients', () => {
  const offers = new Offers();
  offers.hold(ONE, MAC_A, LAB, START);
  offers.hold(TWO, String(MAC_A), LAB, START);
  assert.deepEqual(
    [offers.offeredTo(MAC_A, LAB.served, START), offers.offeredTo(String(MAC_A), LAB.served, START)],
    [ONE, TWO],
  );
});

test('a repeated offer runs its full time again, but its age counts from the first until that time has passed once', () => {
  const offers = new Offers();
  offers.hold(ONE, MAC_A, LAB, START);
  offers.hold(TWO, MAC_B, LAB, later(START, 1000));
  offers.hold(ONE, MAC_A, LAB, later(START, 2000));
  assert.equal(offers.holderOf(ONE, later(START, OFFER_HOLD_MS + 1999)), MAC_A);
  const oldest = (ms: number) => offers.oldestUnanswered(LAB.served, isNear, later(START, ms), OFFER_ANSWERED_MS);
  assert.equal(oldest(OFFER_ANSWERED_MS - 1), undefined);
  assert.equal(oldest(OFFER_ANSWERED_MS), ONE);
  offers.hold(ONE, MAC_A, LAB, later(START, OFFER_HOLD_MS));
  assert.equal(oldest(OFFER_HOLD_MS), TWO, 'it started over');
  assert.equal(offers.holderOf(ONE, later(START, 2 * OFFER_HOLD_MS - 1)), MAC_A);
  offers.drop(MAC_B, LAB.sharedNetwork);
  assert.equal(oldest(OFFER_HOLD_MS + OFFER_ANSWERED_MS - 1), undefined);
  assert.equal(oldest(OFFER_HOLD_MS + OFFER_ANSWERED_MS), ONE);
});

test('the oldest wanted unanswered offer is found once it is old enough, and no younger one', () => {
  const offers = new Offers();
  const age = (ms: number, isWanted = isNear): Ipv4 | undefined =>
    offers.oldestUnanswered(LAB.served, isWanted, later(START, ms), OFFER_ANSWERED_MS);
  assert.equal(age(0), undefined);
  offers.hold(ONE, MAC_A, LAB, START);
  offers.hold(TWO, MAC_B, LAB, later(START, 100));
  assert.equal(age(OFFER_ANSWERED_MS - 1), undefined);
  assert.equal(age(OFFER_ANSWERED_MS), ONE);
  assert.equal(
    age(OFFER_ANSWERED_MS, (address) => !isNear(address)),
    undefined,
  );
  const isTwo = (address: Ipv4): boolean => address === TWO;
  assert.equal(age(OFFER_ANSWERED_MS, isTwo), undefined, 'it is younger');
  assert.equal(age(OFFER_ANSWERED_MS + 100, isTwo), TWO);
});

test('the search skips the offers of other networks', () => {
  const offers = new Offers();
  for (let index = 0; index < 64; index += 1) offers.hold(ipv4(ip('10.30.0.0') + index), mac(index + 1), FAR, START);
  offers.hold(ONE, MAC_A, LAB, START);
  assert.equal(offers.oldestUnanswered(LAB.served, isNear, later(START, OFFER_ANSWERED_MS), OFFER_ANSWERED_MS), ONE);
  offers.forgetAll();
  offers.tidy();
  assert.equal(
    offers.oldestUnanswered(FAR.served, () => true, later(START, OFFER_ANSWERED_MS), OFFER_ANSWERED_MS),
    undefined,
  );
});

test('the search for one ends after a limited number of unwanted ones', () => {
  const offers = new Offers();
  for (let index = 0; index < 64; index += 1) offers.hold(ipv4(ip('10.30.0.0') + index), mac(index + 1), LAB, START);
  offers.hold(ONE, MAC_A, LAB, START);
  assert.equal(
    offers.oldestUnanswered(LAB.served, isNear, later(START, OFFER_ANSWERED_MS), OFFER_ANSWERED_MS),
    undefined,
  );
  offers.drop(mac(1), LAB.sharedNetwork);
  assert.equal(offers.oldestUnanswered(LAB.served, isNear, later(START, OFFER_ANSWERED_MS), OFFER_ANSWERED_MS), ONE);
});

test('beyond the bound the oldest offer goes, and the listener hears that its address is free', () => {
  const { offers, take } = heard();
  for (let index = 0; index < OFFERS_MAX; index += 1)
    offers.hold(ipv4(ip('10.20.0.0') + index), mac(index + 1), LAB, START);
  assert.equal(offers.size, OFFERS_MAX);
  take();
  offers.hold(ip('10.30.0.1'), MAC_A, LAB, START);
  assert.deepEqual(take(), ['+10.30.0.1', '-10.20.0.0']);
  assert.equal(offers.size, OFFERS_MAX);
  assert.equal(offers.holderOf(ip('10.20.0.0'), START), undefined);
  assert.equal(offers.holderOf(ip('10.30.0.1'), START), MAC_A);
});

test('beyond INTRODUCTIONS_MAX the network with the most forgets the words of the client that spoke first', () => {
  const offers = new Offers();
  const options = new Map([[60, Uint8Array.of(80)]]);
  const said = (client: number) => ({ mac: mac(client), xid: client, address: ONE, options });
  const known = ({ sharedNetwork }: typeof LAB, ...clients: readonly number[]) =>
    clients.map((client) => offers.introductionOf(mac(client), sharedNetwork, START)?.xid);
  for (const client of [1, 2]) offers.introduce(said(client), LAB, START);
  for (let client = 1; client < INTRODUCTIONS_MAX; client += 1) offers.introduce(said(client), FAR, START);
  assert.deepEqual(known(LAB, 1, 2), [1, 2]);
  assert.deepEqual(known(FAR, 1, 2, INTRODUCTIONS_MAX - 1), [undefined, 2, INTRODUCTIONS_MAX - 1]);
});

test('all networks share one bound, and the oldest of all goes', () => {
  const offers = new Offers();
  offers.hold(ip('10.30.0.1'), MAC_A, FAR, START);
  for (let index = 0; index < OFFERS_MAX; index += 1)
    offers.hold(ipv4(ip('10.20.0.0') + index), mac(index + 1), LAB, START);
  assert.deepEqual([offers.size, offers.holderOf(ip('10.30.0.1'), START)], [OFFERS_MAX, undefined]);
  assert.equal(offers.offeredTo(MAC_A, FAR.served, START), undefined);
});

test('after a jump of a day all offers are over, and new ones hold', () => {
  const { offers, take } = heard();
  const day = later(START, 86_400_000);
  offers.hold(ONE, MAC_A, LAB, START);
  offers.hold(TWO, MAC_B, LAB, START);
  take();
  assert.equal(offers.holderOf(ONE, day), undefined);
  offers.hold(ONE, MAC_B, LAB, day);
  assert.deepEqual(take(), ['-10.20.0.101', '-10.20.0.100', '+10.20.0.100']);
  assert.equal(offers.holderOf(ONE, day), MAC_B);
  assert.equal(offers.size, 1);
});

test('when clients are told apart differently all offers are dropped, and the listener hears of each', () => {
  const { offers, take } = heard();
  offers.hold(ONE, MAC_A, LAB, START);
  offers.hold(TWO, 'an identifier', LAB, START);
  take();
  offers.forgetAll();
  assert.deepEqual(take(), ['-10.20.0.100', '-10.20.0.101']);
  assert.equal(offers.size, 0);
  offers.forgetAll();
  assert.deepEqual(take(), []);
});
