// Classes of clients: which clients are in one, what it gives and denies, which of several counts, and what is reported.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planBoot } from '../../../src/boot/plan.ts';
import { formatProblems } from '../../../src/config/config-file.ts';
import { parseConfig } from '../../../src/config/load.ts';
import { decide } from '../../../src/dhcp/answers/decide.ts';
import type { DhcpDecision } from '../../../src/dhcp/answers/decision.ts';
import { ClientSubject } from '../../../src/dhcp/networks/conditions.ts';
import { OPTION, optionText, optionU32, textBytes } from '../../../src/dhcp/wire/options.ts';
import { formatIpv4 } from '../../../src/ground/address.ts';
import type { RackMachine } from '../../../src/machines/machine.ts';
import { composeEventText } from '../../../src/observe/event-text.ts';
import { hw, ip, RACK } from '../../support/lab-facts.ts';
import { type ClientWords, clientMessage, labState, leaseAt, MAC_A, machine, NOW, ON_WIRE, TO_RACK } from '../lab.ts';

/** A network of a rack: `own` and `general` are classes as written in the configuration, `more` further keys of the network. */
function configOf(own: string, general = '', more = ''): ReturnType<typeof parse> {
  return parse(`cluster_interfaces:
  - name: lab
    interface: eth1
    ip: 10.20.0.1
    network: 10.20.0.0/24
    router_ip: 10.20.0.254
    ip_range_low: 10.20.0.100
    ip_range_high: 10.20.0.109
    options: [{ name: root-path, value: network }, { code: 224, type: text, value: network, force: true }]
    hosts:
      - { mac: "52:54:00:00:00:0b", ip: 10.20.0.20, hostname: web-9 }
      - { mac: "52:54:00:00:00:0c", ip: 10.20.0.21, options: [{ code: 17, value: host }] }
    classes: [${own}]
    ${more}
dhcp: { classes: [${general}] }
`);
}

function parse(text: string) {
  const parsed = parseConfig(text);
  return parsed.ok ? parsed.config : assert.fail(formatProblems('f', parsed.problems));
}

interface Said {
  readonly own?: string;
  readonly general?: string;
  readonly more?: string;
  readonly machines?: readonly RackMachine[];
}

function ask(words: ClientWords, { own = '', general = '', more = '', machines = [] }: Said): DhcpDecision {
  const config = configOf(own, general, more);
  const state = {
    ...labState(config.dhcp, machines),
    planBoot: (query: Parameters<typeof planBoot>[0]) => planBoot(query, config.boot),
  };
  return decide(clientMessage({ type: 'discover', ...words }), ON_WIRE, state, NOW);
}

const offered = (words: ClientWords, said: Said) => {
  const decision = ask(words, said);
  if (decision.kind !== 'reply') assert.fail(JSON.stringify(decision.kind === 'ignore' ? decision.event : decision));
  return decision;
};
const named = (name: string): ClientWords => ({ options: [[OPTION.hostName, textBytes(name)]] });
const ASKS = { options: [[55, Uint8Array.of(17)]] } as const;

const FITS: readonly (readonly [name: string, when: string, words: ClientWords, fits: boolean])[] = [
  ['a host name', 'hostname: web-1', named('Web-1.lab'), true],
  ['another host name', 'hostname: web-1', named('web-10'), false],
  ['the beginning of a host name', 'hostname: "Web-*"', named('web-10'), true],
  ['not its middle', 'hostname: "eb-*"', named('web-10'), false],
  ['the end of a host name', 'hostname: "*-bmc"', named('node7-bmc'), true],
  ['not its beginning', 'hostname: "*-bmc"', named('node7-bmc-old'), false],
  ['a part of a host name', 'hostname: "*bm*"', named('node7-bmc-old'), true],
  ['any host name', 'hostname: "*"', named('x'), true],
  ['no host name', 'hostname: "*"', {}, false],
  ['a host name of a list', 'hostname: [a, "web-*"]', named('web-1'), true],
  ['an invalid host name', 'hostname: "*"', named('$(reboot)'), false],
  ['a name by option 81', 'hostname: web-1', { options: [[81, Uint8Array.of(1, 0, 0, ...textBytes('web-1'))]] }, true],
  ['a name of a reservation', 'hostname: web-9', { mac: hw('52:54:00:00:00:0b') }, true],
  [
    'not the name that the client also sends',
    'hostname: web-1',
    { ...named('web-1'), mac: hw('52:54:00:00:00:0b') },
    false,
  ],
  ['a card', 'mac: "52:54:00:00:00:0a"', {}, true],
  ['the vendor of a card', 'mac: "52:54:00"', {}, true],
  ['a vendor of a list', 'mac: ["00:1b:21", "52-54-00"]', {}, true],
  ['another vendor', 'mac: "52:54:01"', {}, false],
  ['a vendor class', 'vendor_class: "Cisco AP*"', { vendorClass: 'Cisco AP c1130' }, true],
  ['another vendor class', 'vendor_class: "Cisco AP*"', { vendorClass: 'cisco' }, false],
  ['a user class', 'user_class: lab', { options: [[77, textBytes('lab')]] }, true],
  ['an architecture', 'architecture: [7, 9]', { options: [[93, Uint8Array.of(0, 7)]] }, true],
  ['another architecture', 'architecture: 7', { options: [[93, Uint8Array.of(0, 0)]] }, false],
  ['a circuit', 'circuit_id: "ge-*"', { options: [[82, Uint8Array.of(1, 4, ...textBytes('ge-1'))]] }, true],
  ['two things of which one does not hold', 'hostname: web-1, mac: "52:54:01"', named('web-1'), false],
];
for (const [name, when, words, fits] of FITS) {
  test(`${name}: ${fits ? 'in the class' : 'not in it'}`, () => {
    const own = `{ name: some, when: { ${when} }, options: [{ code: 17, value: class }] }`;
    const { event, message } = offered({ ...words, options: [...(words.options ?? []), ...ASKS.options] }, { own });
    assert.equal(event.classes, fits ? 'some' : undefined);
    assert.equal(optionText(message.options, 17), fits ? 'class' : 'network');
  });
}

test('a machine of the region matches by the name that the region gave it', () => {
  const own = '{ name: some, when: { hostname: "swift-*" }, lease_time: 1h }';
  const { event } = offered(named('web-1'), { own, machines: [machine(MAC_A, '10.20.0.30')] });
  assert.deepEqual([event.classes, event.leaseSeconds], ['some', 3600]);
});

test('an option comes from the host, then from its classes in order, then from the network', () => {
  const entry = (name: string, value: string) =>
    `{ name: ${name}, when: { mac: "52:54:00" }, options: [{ code: 17, value: ${value} }] }`;
  const pathOf = (words: ClientWords, said: Said) =>
    optionText(offered({ ...ASKS, ...words }, said).message.options, 17);
  assert.equal(pathOf({ mac: hw('52:54:00:00:00:0c') }, { own: entry('a', 'class') }), 'host');
  assert.equal(
    pathOf({}, { own: `${entry('a', 'first')}, ${entry('b', 'second')}`, general: entry('c', 'third') }),
    'first',
  );
  assert.equal(pathOf({}, { general: entry('c', 'third') }), 'third');
  assert.equal(pathOf({}, {}), 'network');
  const other = '{ name: d, when: { mac: "52:54:00" }, options: [{ code: 17, value: x, when: { user_class: y } }] }';
  assert.equal(pathOf({}, { own: other }), 'network', 'an entry of a class may have a condition of its own');
});

test('a forced option of a class comes unasked, and any option of a class may change what boots', () => {
  const own =
    '{ name: a, when: { mac: "52:54:00" }, options: [{ code: 224, type: text, value: class, force: true }, { code: 67, value: own.bin }] }';
  const words = { vendorClass: 'PXEClient:Arch:00000:UNDI:002001', options: [[55, Uint8Array.of(1, 3)]] } as const;
  const { message } = offered(words, { own });
  assert.equal(optionText(message.options, 224), 'class');
  assert.deepEqual([optionText(message.options, 67), message.file], ['own.bin', 'own.bin']);
});

test('a loader is chosen by architecture, from the first class that has one, and named in the event', () => {
  const own =
    '{ name: a, when: { mac: "52:54:00" }, loaders: { 7: a.efi } }, { name: b, when: { hostname: "*" }, loaders: { 7: b.efi, 0: b.0, ipxe: b.ipxe } }';
  const boots = (arch: string, number: number): ClientWords => ({
    vendorClass: `PXEClient:Arch:${arch}:UNDI:002001`,
    options: [
      [93, Uint8Array.of(0, number)],
      [OPTION.hostName, textBytes('x')],
    ],
  });
  const fileOf = (words: ClientWords) => offered(words, { own }).event;
  const [uefi, bios] = [fileOf(boots('00007', 7)), fileOf(boots('00000', 0))];
  assert.deepEqual([uefi.file, bios.file], ['a.efi', 'b.0']);
  assert.deepEqual([uefi.loaderKey, uefi.loaderClass], ['7', 'a']);
  assert.deepEqual([bios.loaderKey, bios.loaderClass], ['0', 'b']);
  const ipxe = {
    ...boots('00007', 7),
    options: [...(boots('00007', 7).options ?? []), [77, textBytes('iPXE')]],
  } as const;
  assert.match(fileOf(ipxe).file ?? '', /b\.ipxe$/, 'iPXE does not get the firmware’s, which would load it for ever');
});

test('the first class with a lease time sets it, with T1 and T2 in proportion, and firmware keeps its own', () => {
  const own =
    '{ name: a, when: { hostname: "*" }, lease_time: 2h }, { name: b, when: { mac: "52:54:00" }, lease_time: 1h }';
  const timesOf = (words: ClientWords) => {
    const { options } = offered(words, { own }).message;
    return [51, 58, 59].map((code) => optionU32(options, code));
  };
  assert.deepEqual(timesOf({}), [3600, 1800, 3150]);
  assert.deepEqual(timesOf(named('x')), [7200, 3600, 6300]);
  assert.deepEqual(timesOf({ vendorClass: 'PXEClient:Arch:00000:UNDI:002001' }), [30, 15, 26]);
});

const DENY = '{ name: guests, when: { hostname: "guest-*" }, deny: true }';

test('a denied client gets no answer to anything, and the event names the class', () => {
  const decision = ask(named('guest-1'), { own: DENY });
  assert.ok(decision.kind === 'ignore');
  assert.deepEqual([decision.reason, decision.event.classes], ['class-denied', 'guests']);
  const sentence = composeEventText(decision.event);
  assert.match(sentence, /no answer: .*denies its clients.*\(class-denied\), in class guests/);

  const state = labState(configOf(DENY).dhcp);
  const address = ip('10.20.0.105');
  const lease = leaseAt(MAC_A, '10.20.0.105', 300);
  state.leases.load([lease], NOW);
  const say = (words: ClientWords, arrival = ON_WIRE) => {
    const answer = decide(clientMessage({ ...named('guest-1'), ...words }), arrival, state, NOW, words.ciaddr);
    return answer.kind === 'ignore' ? answer.reason : answer.kind;
  };
  assert.equal(say({ type: 'request', requested: address, server: RACK }), 'class-denied');
  assert.equal(say({ type: 'request', requested: address }), 'class-denied');
  assert.equal(say({ type: 'request', ciaddr: address }, TO_RACK), 'class-denied');
  assert.equal(say({ type: 'inform', ciaddr: address }, TO_RACK), 'class-denied');
  assert.equal(say({ type: 'request', requested: address, server: ip('10.20.0.7') }), 'other-server-chosen');
  assert.equal(
    say({ type: 'release', ciaddr: address, server: RACK }, TO_RACK),
    'record',
    'it may give its address back',
  );
  assert.equal(say({ type: 'discover', ...named('web-1') }), 'reply');
});

test('an earlier class makes an exception to a later one', () => {
  const exception = '{ name: mine, when: { mac: "52:54:00:00:00:0a" }, deny: false }';
  assert.equal(ask(named('guest-1'), { own: exception, general: DENY }).kind, 'reply');
  assert.equal(ask(named('guest-1'), { own: `${DENY}, ${exception}` }).kind, 'ignore');
  assert.equal(
    ask({ ...named('guest-1'), mac: hw('52:54:00:00:00:0d') }, { own: exception, general: DENY }).kind,
    'ignore',
  );
});

test('a name from a machine’s own report puts it into no class; the name it sends or its reservation’s does', () => {
  const denied = (words: ClientWords, machines: readonly RackMachine[]): boolean =>
    ask(words, { own: DENY, machines }).kind !== 'reply';
  const guest = { hostname: 'guest-1', addresses: [] };
  const [known] = [machine(MAC_A, '10.20.0.10', guest)];
  const reported = { ...known, isSelfNamed: true } as const;
  assert.deepEqual([denied({}, [known]), denied({}, [reported])], [true, false]);
  assert.deepEqual([denied(named('guest-2'), []), denied(named('guest-2'), [reported])], [true, true]);
  const reserved = machine(hw('52:54:00:00:00:0b'), '10.20.0.20', { ...guest, isSelfNamed: true });
  assert.equal(denied({ mac: hw('52:54:00:00:00:0b') }, [reserved]), false);
});

test('on a shared network of two networks a class that denies one sends its clients to the other', () => {
  const two = (classes: string, ofSecond = '') => `cluster_interfaces:
  - { name: lab, interface: eth1, ip: 10.20.0.1, network: 10.20.0.0/24, ip_range_low: 10.20.0.100, ip_range_high: 10.20.0.109, classes: [${classes}] }
  - { name: guests, interface: eth1, ip: 10.21.0.1, network: 10.21.0.0/24, ip_range_low: 10.21.0.100, ip_range_high: 10.21.0.109, classes: [${ofSecond}] }
`;
  const say = (text: string, name: string): string => {
    const decision = decide(
      clientMessage({ type: 'discover', ...named(name) }),
      ON_WIRE,
      labState(parse(text).dhcp),
      NOW,
    );
    return decision.kind === 'reply' ? formatIpv4(decision.message.yiaddr).slice(0, 5) : decision.kind;
  };
  assert.equal(say(two(DENY), 'guest-1'), '10.21');
  assert.equal(say(two(DENY), 'web-1'), '10.20');
  assert.equal(say(two(DENY, DENY), 'guest-1'), 'ignore');
});

test('in proxy mode classes give loaders and deny as well', () => {
  const text = (own: string) => `cluster_interfaces:
  - { name: lab, interface: eth1, ip: 10.20.0.1, network: 10.20.0.0/24, mode: proxy, classes: [${own}] }
`;
  const words = { type: 'discover', vendorClass: 'PXEClient:Arch:00000:UNDI:002001', ...named('guest-1') } as const;
  const say = (own: string) => {
    const config = parse(text(own));
    const state = {
      ...labState(config.dhcp),
      planBoot: (query: Parameters<typeof planBoot>[0]) => planBoot(query, config.boot),
    };
    return decide(clientMessage(words), ON_WIRE, state, NOW);
  };
  const given = say('{ name: a, when: { hostname: "guest-*" }, loaders: { 0: guest.0 } }');
  assert.deepEqual([given.event?.file, given.event?.classes], ['guest.0', 'a']);
  const denied = say(DENY);
  assert.deepEqual([denied.kind, denied.event?.reason, denied.event?.classes], ['ignore', 'class-denied', 'guests']);
});

test('an empty condition matches every client', () => {
  const message = clientMessage({});
  const subject = new ClientSubject({
    message,
    mac: MAC_A,
    hostname: undefined,
    circuitId: undefined,
    client: undefined,
  });
  assert.equal(subject.fits({}), true);
});
