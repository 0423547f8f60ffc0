// `rackboot init`: makes a configuration for this host from questions or flags: a file, and the network in the store.
//
//   findCandidates ─→ interview (a person) or takeProposals ─→ the file, then the store ─→ nextSteps
//   --no-interface ──────────────────────────────────────────────┘ without a network: the page, or a command, enables DHCP later
//
// Both look for other DHCP servers on the network, and judge the answers as `check` does.
//
// 1. `init` writes nothing that `rackboot check` would refuse.
// 2. `init` never chooses the interface of the default route unasked, nor sets up a second DHCP server where one answers: either would
//    disturb every host on the network.

import { accessSync, constants, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { shellWord } from '../../clean-text.ts';
import { findOverlaps, hostAddresses } from '../../config/host-check.ts';
import { parseConfig } from '../../config/load.ts';
import { REGION_PORT } from '../../config/region-place.ts';
import { parseRegionUrl } from '../../config/region-url.ts';
import { defaultName } from '../../config/resolve.ts';
import { ownProgram } from '../../control/own-program.ts';
import { isUnitInstalled, unitsToEnable } from '../../control/start-command.ts';
import { counted } from '../../counted.ts';
import { errorText, osErrorCode, RackError } from '../../errors.ts';
import { ownUserName } from '../../files/ownership.ts';
import { INTERFACES_KEY, type Settings, withValue } from '../../machines/settings.ts';
import { formatIpv4, formatNetwork, isLoopback, networkContains, parseIpv4 } from '../../net/address.ts';
import { readDefaultRouteInterfaces } from '../../net/default-route.ts';
import { readInterfaces } from '../../net/present-interfaces.ts';
import { RACK_CONFIG } from '../../region/config.ts';
import { proposeAlongside } from '../../region/networks/range-proposal.ts';
import { importLeases } from '../leases/import.ts';
import { missingProgramLines } from '../machines/power-programs.ts';
import { cachedSettings } from '../terminal/config-in-force.ts';
import { print } from '../terminal/output.ts';
import { agrees, openPrompt } from '../terminal/prompt.ts';
import { takeReservations } from './hosts.ts';
import { type Candidate, describeCandidate, findCandidates, unknownInterfaceText } from './init-candidates.ts';
import { findInitFile } from './init-file.ts';
import { answeredText, askForServers, bewareText, chooseText, type WireAnswer } from './init-probe.ts';
import { type InitAnswers, renderConfig, settingsOf } from './init-proposal.ts';
import { type Answers, FIELDS, type Field, interview, type Mistake } from './init-questions.ts';
import { prepareServiceOffer } from './init-service.ts';
import { fieldsAt, flagOf, mistakeText, type NameAnswer, questionName } from './init-words.ts';
import { findLocalServers, type LocalServer, localText } from './local-dhcp.ts';
import { withStoredSettings } from './settings-store.ts';

// The end of `rackboot init`: the commands to run next.

interface InitPlace {
  readonly file: string;
  /** True if commands and the service read this file by default. */
  readonly isDefaultFile: boolean;
  readonly tree: string;
  readonly pageUrl: string;
  /** True if the page is to enable DHCP. */
  readonly isBare?: boolean | undefined;
  /** True if the service's unit is installed. */
  readonly hasUnit: boolean;
  readonly isRoot: boolean;
  /** The command that runs this installation here: `rackboot`, or `node bin/rackboot.js`. */
  readonly program: string;
  /** The remote region, and the rack's name there; undefined: the rack has its own region. */
  readonly remote?: { readonly url: string; readonly rack: string } | undefined;
  /** True if the service runs already. */
  readonly isStarted?: boolean;
}

const INSTALL = 'docs/first-machine.md, "Install the rack"';

/** The lines, each a command and its purpose. */
export function nextSteps({
  file,
  isDefaultFile,
  tree,
  pageUrl,
  isBare,
  hasUnit,
  isRoot,
  program,
  remote,
  isStarted = false,
}: InitPlace): readonly string[] {
  const sudo = isRoot ? 'sudo ' : '';
  const which = isDefaultFile ? '' : ` --config ${file}`;
  const own = (words: string): string => `${sudo}${program} ${words}${which}`;
  const start =
    hasUnit && isDefaultFile
      ? ([`${sudo}systemctl enable --now ${unitsToEnable()}`, 'starts the service now and at each boot'] as const)
      : ([own('run'), `starts the rack, until Ctrl-C; as a service: ${INSTALL}`] as const);
  const steps: readonly (readonly [command: string, what: string])[] = [
    [own('images build'), `builds the files that machines load, in ${tree}`],
    ...(remote === undefined
      ? ([
          [
            own('createadmin --username admin'),
            `creates the account for ${pageUrl}${isBare ? ', which then leads through the setup' : ''}`,
          ],
        ] as const)
      : []),
    ...(isStarted ? [] : [start]),
    ...(remote === undefined
      ? []
      : ([
          [
            `${sudo}rackboot racks accept ${remote.rack}`,
            `on the host of ${remote.url}: lets this rack serve machines`,
          ],
        ] as const)),
    [own('doctor'), 'then checks the rack as a machine would see it'],
  ];
  const width = Math.max(...steps.map(([command]) => command.length));
  return ['Next:', ...steps.map(([command, what]) => `  ${command.padEnd(width)}  ${what}`)];
}

/** `interface` is false with --no-interface. */
interface GivenFlags extends Omit<InitFlags, 'interface'> {
  readonly interface?: string | false | undefined;
}

interface InitFlags extends Answers {
  readonly config: string;
  readonly name?: string | undefined;
  readonly stateDir: string;
  readonly domain: string;
  /** URL of the remote region; undefined: this rack has its own. */
  readonly region?: string | undefined;
  /** Accept every proposal without asking. */
  readonly yes: boolean;
  /** Replace an existing file. */
  readonly force: boolean;
}

/** Writes the configuration and stores the network. @throws RackError `bad-argument`, `already-exists`, `store-unwritable`, `cancelled` */
export async function initConfig(given: GivenFlags): Promise<number> {
  const { interface: name, ...rest } = given;
  return name === false ? await initBare(rest) : await initWithNetwork({ ...rest, interface: name });
}

/** @throws RackError as `initConfig` */
async function initBare(given: InitFlags): Promise<number> {
  const idle = FIELDS.filter((field) => field !== 'upstream' && given[field] !== undefined);
  if (idle.length > 0)
    throw new RackError(
      'bad-argument',
      `${idle.map(flagOf).join(', ')}: --no-interface leaves the networks to the page`,
    );
  const flags = repeatOwn(given);
  refuseUnwritable(flags);
  refuseRegion(flags);
  const drafted = judgeAnswers(flags, { upstream: given.upstream }, undefined);
  if (drafted.draft === undefined)
    throw new RackError('bad-argument', drafted.mistakes.map(({ text }) => text).join('\n'));
  const place = findPlace(flags, drafted.draft.answers);
  const offer = offerIn(place, isAsked(flags));
  writeConfig(flags, drafted.draft.text);
  if (flags.region === undefined && (flags.force || settingsOf(drafted.draft.answers).length > 0))
    await storeNetwork(flags, drafted.draft);
  for (const line of nextSteps({ ...place, isStarted: await offer() })) print(line);
  return 0;
}

const isAsked = ({ yes }: InitFlags): boolean => !yes && process.stdin.isTTY === true;

/** What asks a person whether the service shall start, where init can start it; nobody else is asked. */
const offerIn = ({ hasUnit, isDefaultFile, isRoot }: InitPlace, hasPerson: boolean): (() => Promise<boolean>) =>
  hasPerson && hasUnit && isDefaultFile && isRoot ? prepareServiceOffer() : async () => false;

async function initWithNetwork(given: InitFlags): Promise<number> {
  const servers = findLocalServers(given.stateDir);
  const ranges = servers.flatMap((server) => server.ranges);
  const candidates = findCandidates(given.interface).map((one): Candidate => {
    const formerRange = ranges.find(({ low, high }) => [low, high].every((end) => networkContains(one.network, end)));
    return { ...one, formerRange };
  });
  // Answers that cannot be written would be wasted.
  const flags = repeatOwn(given);
  refuseUnwritable(flags);
  refuseRegion(flags);
  for (const server of servers) print(`Beware  ${localText(server)}`);
  const hasPerson = isAsked(flags);
  const drafted = hasPerson ? await askPerson(flags, candidates) : await takeProposals(flags, candidates);
  // Storing may switch to the owner of the state directory; the next steps are for the user who started `init`.
  const place = findPlace(flags, drafted.answers);
  // With another server on this host, a person stops that one first.
  const offer = offerIn(place, hasPerson && servers.length === 0);
  try {
    writeConfig(flags, drafted.text);
    if (flags.region === undefined) await storeNetwork(flags, drafted);
  } catch (error) {
    if (!hasPerson || !(error instanceof RackError)) throw error;
    const again = `To give the same answers again: ${commandOf(flags, drafted.answers)}`;
    throw new RackError(error.code, `${error.message}\n${again}`, { cause: error });
  }
  const isTaken = servers.length > 0 && flags.region === undefined && (await offerTakeover(flags, servers, hasPerson));
  for (const server of servers) for (const line of leftLines(server, isTaken)) print(line);
  for (const line of nextSteps({ ...place, isStarted: await offer() })) print(line);
  // The region runs these programs.
  if (flags.region === undefined) for (const line of missingProgramLines()) print(line);
  return 0;
}

/** Takes over what other DHCP servers on this host gave, if a person wants that. @returns true if it did */
async function offerTakeover(flags: InitFlags, servers: readonly LocalServer[], hasPerson: boolean): Promise<boolean> {
  const amounts = servers.flatMap(({ leaseFiles, reservations }) => [
    ...leaseFiles.map((file) => `the leases in ${file}`),
    ...(reservations.length === 0 ? [] : [counted(reservations.length, 'reservation')]),
  ]);
  if (!hasPerson || amounts.length === 0) return false;
  if (!(await agrees(`Take over ${amounts.join(' and ')}, so that hosts keep their addresses?`))) return false;
  const { config } = flags;
  for (const { reservations, leaseFiles } of servers) {
    const taken = await takeReservations(config, reservations, false);
    for (const line of taken.left) print(`Not taken  ${line}`);
    if (reservations.length > 0) print(`${counted(taken.count, 'reservation')} taken over.`);
    if (leaseFiles.length > 0)
      await importLeases({ config, files: leaseFiles, format: undefined, dryRun: false, json: false });
  }
  return true;
}

/** What is left to do about another server on this host. @param isTaken true: its leases and reservations are taken over */
function leftLines({ name, leaseFiles, configFiles }: LocalServer, isTaken: boolean): readonly string[] {
  const stop = `Stop ${name} before the rack starts. Its options, such as the router, are not taken over: \`rackboot config show cluster_interfaces\` shows those of the rack.`;
  const leases = leaseFiles.length === 0 ? [] : [`  rackboot leases import ${leaseFiles.map(shellWord).join(' ')}`];
  if (isTaken)
    return leases.length === 0 ? [stop] : [`${stop} For leases that it gives until then, repeat:`, ...leases];
  const hosts = configFiles.length === 0 ? [] : [`  rackboot hosts import ${configFiles.map(shellWord).join(' ')}`];
  const commands = [...hosts, ...leases];
  return commands.length === 0 ? [stop] : [`${stop} Not taken over, which these commands do:`, ...commands];
}

const optionsOf = (flags: InitFlags): Answers => ({
  ...Object.fromEntries(FIELDS.flatMap((field) => (flags[field] === undefined ? [] : [[field, flags[field]]]))),
});

/** Fills every answer without an option with its proposal, or reports every problem. */
async function takeProposals(flags: InitFlags, candidates: readonly Candidate[]): Promise<Draft> {
  let answers = optionsOf(flags);
  answers = { ...answers, interface: answers.interface ?? propose(candidates, 'interface', answers) };
  if (answers.mode === undefined) {
    answers = { ...answers, mode: 'server' };
    // Mistakes first: they do not depend on the network.
    draft(flags, candidates, proposeRest(candidates, answers));
    const { interface: name = '' } = answers;
    const answer = await askWire(candidates, name);
    if (answer.servers.length > 0) throw new RackError('bad-argument', chooseText(answeredText({ name }, answer)));
  }
  return draft(flags, candidates, proposeRest(candidates, answers));
}

function proposeRest(candidates: readonly Candidate[], given: Answers): Answers {
  let answers = given;
  for (const field of FIELDS) answers = { ...answers, [field]: answers[field] ?? propose(candidates, field, answers) };
  return answers;
}

/** Looks for other DHCP servers on an interface, and warns if silence may mislead. */
async function askWire(candidates: readonly Candidate[], name: string): Promise<WireAnswer> {
  const place = candidates.find((one) => one.name === name);
  if (place === undefined) return { servers: [] };
  print(`Looking for other DHCP servers on ${name} …`);
  const own = readInterfaces().flatMap(({ addresses }) => addresses.map(({ address }) => formatIpv4(address)));
  const answer = await askForServers(place, new Set(own));
  const beware = answer.servers.length > 0 ? undefined : bewareText(place, answer, place.isDefaultRoute);
  if (beware !== undefined) print(`Beware  ${beware}`);
  return answer;
}

/** Derived answers: the mode if no other server answers, and the questions that a proxy does not need. */
async function settle(candidates: readonly Candidate[], field: Field, known: Answers): Promise<string | undefined> {
  if (field === 'interface' || field === 'upstream') return undefined;
  if (field !== 'mode') return known.mode === 'proxy' ? '-' : undefined;
  const place = candidates.find(({ name }) => name === known.interface);
  if (place === undefined) return undefined;
  const answer = await askWire(candidates, place.name);
  if (answer.servers.length === 0) return 'server';
  const text = answeredText(place, answer);
  print(
    `${text[0]?.toUpperCase()}${text.slice(1)}. In proxy mode that server keeps giving addresses, and this rack only says what to boot.`,
  );
  return undefined;
}

async function askPerson(flags: InitFlags, candidates: readonly Candidate[]): Promise<Draft> {
  const list = candidates.map(describeCandidate).join(', ');
  const prompt = openPrompt();
  const given = optionsOf(flags);
  const nameOf: NameAnswer = (field) => (given[field] === undefined ? questionName(field) : flagOf(field));
  try {
    const answers = await interview({
      given,
      questionOf: (field) =>
        field === 'interface' ? `Interface on the machines' network (${list})` : QUESTIONS[field],
      settle: (field, known) => settle(candidates, field, known),
      proposalOf: (field, known) => propose(candidates, field, known),
      judge: (known) => judge(flags, candidates, known, nameOf).mistakes,
      ask: async (question, proposal, wrong) => {
        const answer = (await prompt.ask(`${question} [${proposal}]: `, wrong)).trim();
        return answer === '' ? proposal : answer;
      },
      tell: (text) => print(`\n${text}\n`),
    });
    return draft(flags, candidates, answers);
  } finally {
    prompt.close();
  }
}

const QUESTIONS: Readonly<Record<Exclude<Field, 'interface'>, string>> = {
  mode: 'Which server gives the addresses: this rack (server) or the other (proxy)',
  router: 'Router offered to machines (- for none)',
  low: 'First address for unknown machines (dynamic range)',
  high: 'Last address for unknown machines',
  staticLow: 'First address for deployed machines (static range)',
  staticHigh: 'Last address for deployed machines',
  upstream: 'Upstream DNS servers, separated by spaces (- for none)',
};

/** The proposal for an answer; empty for the interface if the choice is not clear. */
function propose(candidates: readonly Candidate[], field: Field, answers: Answers): string {
  if (field === 'upstream') return '-';
  if (field === 'interface') {
    const apart = candidates.filter(({ isDefaultRoute }) => !isDefaultRoute);
    return (apart.length === 1 ? apart[0]?.name : undefined) ?? '';
  }
  if (field === 'mode') return 'proxy';
  if (field === 'router' || answers.mode === 'proxy') return '-';
  const place = candidates.find(({ name }) => name === answers.interface);
  const former = field === 'low' || field === 'high' ? place?.formerRange?.[field] : undefined;
  if (former !== undefined) return formatIpv4(former);
  return place === undefined ? '' : proposeAlongside(place, parseIpv4(answers.router ?? ''), answers)[field];
}

interface Draft {
  readonly answers: InitAnswers;
  readonly text: string;
  readonly values: Settings;
}

function draft(flags: InitFlags, candidates: readonly Candidate[], known: Answers): Draft {
  const { mistakes, draft: found } = judge(flags, candidates, known);
  if (found === undefined) throw new RackError('bad-argument', mistakes.map(({ text }) => text).join('\n'));
  return found;
}

interface Judgement {
  readonly mistakes: readonly Mistake[];
  /** Undefined if there are mistakes, or too few answers to judge. */
  readonly draft?: Draft;
}

/** The mistakes that `check` would report in these answers. A missing answer is none. */
function judge(
  flags: InitFlags,
  candidates: readonly Candidate[],
  known: Answers,
  nameOf: NameAnswer = flagOf,
): Judgement {
  if (known.interface === undefined) return { mistakes: [] };
  const proposal = candidates.find(({ name }) => name === known.interface);
  if (proposal === undefined) {
    const text = unknownInterfaceText(candidates, known.interface);
    return { mistakes: [{ fields: ['interface'], text }] };
  }
  const placed = [{ interfaceName: proposal.name, network: proposal.network }];
  const [overlap] = findOverlaps({ clusterInterfaces: placed }, hostAddresses());
  if (overlap !== undefined) return { mistakes: [{ fields: ['interface'], text: overlap.message }] };
  return judgeAnswers(flags, known, proposal, nameOf);
}

function judgeAnswers(
  flags: InitFlags,
  known: Answers,
  proposal: Candidate | undefined,
  nameOf: NameAnswer = flagOf,
): Judgement {
  const { stateDir, domain, region, name = defaultName() } = flags;
  const answers: InitAnswers = { ...known, name, stateDir, domain, region, proposal };
  const text = renderConfig(answers);
  let stored: Settings = {};
  for (const { key, value } of region === undefined ? settingsOf(answers) : []) {
    if (proposal !== undefined && key.startsWith(`${INTERFACES_KEY}.`))
      stored = { ...stored, [INTERFACES_KEY]: [{ name: proposal.name, ...Object(value) }] };
    else stored = withValue(stored, key, value);
  }
  const parsed = parseConfig(text, stored);
  if (parsed.ok) return { mistakes: [], draft: { answers, text, values: parsed.file.values } };
  // Without line numbers: the file does not exist yet.
  const prefix = region === undefined ? `${INTERFACES_KEY}.${proposal?.name}.` : `${INTERFACES_KEY}[0].`;
  const mistakes = parsed.problems.flatMap(({ path, message }): readonly Mistake[] => {
    const place = path.replace(prefix, '');
    const fields = fieldsAt(place);
    const isOpen = fields.length > 0 && fields.every((field) => known[field] === undefined);
    return isOpen ? [] : [{ fields, text: mistakeText({ path, place, message }, nameOf) }];
  });
  return { mistakes };
}

function refuseRegion({ region }: InitFlags): void {
  if (region === undefined || parseRegionUrl(region) !== undefined) return;
  throw new RackError(
    'bad-argument',
    `--region: expected the URL of a region, such as http://10.20.0.1:5240/MAAS, found "${region}"`,
  );
}

interface Prepared extends InitFlags {
  /** The file is that of an earlier `init`, and the store has lost its network, as after `reset`. No stored network is replaced. */
  readonly repeats: boolean;
}

/** The name of a repeated file stays. */
function repeatOwn(flags: InitFlags): Prepared {
  const { config, stateDir, name, region } = flags;
  if (flags.force || !existsSync(config)) return { ...flags, repeats: false };
  const former = findInitFile(config);
  if (region !== undefined || former?.stateDir !== stateDir || INTERFACES_KEY in cachedSettings(stateDir))
    throw existsAlready(config);
  return { ...flags, name: name ?? former.name, repeats: true };
}

function refuseUnwritable(flags: InitFlags): void {
  for (const place of [flags.config, flags.stateDir]) {
    const found = nearestExisting(place);
    try {
      accessSync(found, constants.W_OK);
    } catch (error) {
      const whose = `${ownUserName()} may not write ${found}`;
      const text = `cannot write ${place}: ${whose}. Run this as root, or name other places with --config and --state-dir`;
      throw new RackError('store-unwritable', text, { cause: error });
    }
  }
}

const nearestExisting = (path: string): string =>
  existsSync(path) || dirname(path) === path ? path : nearestExisting(dirname(path));

const existsAlready = (file: string, cause?: unknown): RackError =>
  new RackError('already-exists', `${file} exists; edit it, or replace it with --force`, { cause });

/** The service's user reads the file: mode 644, and new directories 755, whatever root's umask. */
function writeConfig(flags: Prepared, text: string): void {
  const mask = process.umask(0o022);
  try {
    mkdirSync(dirname(flags.config), { recursive: true });
    writeFileSync(flags.config, text, { flag: flags.force || flags.repeats ? 'w' : 'wx', mode: 0o644 });
  } catch (error) {
    if (osErrorCode(error) === 'EEXIST') {
      throw existsAlready(flags.config, error);
    }
    throw new RackError('store-unwritable', `cannot write ${flags.config}: ${errorText(error)}`, { cause: error });
  } finally {
    process.umask(mask);
  }
  print(`Wrote ${flags.config}.`);
}

/** With --force it replaces the stored networks. */
async function storeNetwork(flags: Prepared, { answers, values }: Draft): Promise<void> {
  const place = { stateDir: flags.stateDir, name: answers.name, file: flags.config, values };
  await withStoredSettings(place, async (settings, by) => {
    const own = `${INTERFACES_KEY}.${answers.proposal?.name}`;
    const stored = settings.list().filter(({ rack }) => rack === settings.findRack('master'));
    const refuse = (why: string): never => {
      const text = `${flags.config} is written, but the network is not stored: ${why}\n\`rackboot init --force\` replaces the stored networks`;
      throw new RackError('bad-argument', text);
    };
    // The file next to the store, by which a repetition is allowed, may be missing or old.
    if (flags.repeats && stored.some(({ key }) => key.startsWith(`${INTERFACES_KEY}.`)))
      refuse('the store has a network already');
    const former = stored.filter(({ key }) => flags.force && key !== own).map(({ key }) => ({ key, value: undefined }));
    const refusal = await settings.change('', [...former, ...settingsOf(answers)], by);
    if (refusal !== undefined) refuse(refusal.text);
  });
  if (answers.proposal === undefined) return;
  const { name, network } = answers.proposal;
  print(
    `The network ${name} ${formatNetwork(network)} is in the store: \`sudo rackboot config show ${INTERFACES_KEY}\`.`,
  );
}

/** The command that gives the same answers and replaces the stored networks. */
function commandOf(flags: InitFlags, answers: InitAnswers): string {
  const named: readonly (readonly [option: string, value: string | undefined])[] = [
    ['--config', flags.config === RACK_CONFIG ? undefined : flags.config],
    ['--state-dir', flags.stateDir],
    ['--name', flags.name],
    ['--interface', answers.proposal?.name],
    ...FIELDS.filter((field) => field !== 'interface').map((field) => [flagOf(field), answers[field]] as const),
    ['--domain', answers.domain],
    ['--region', answers.region],
  ];
  const words = named.flatMap(([option, value]) => (value === undefined ? [] : [`${option} ${shellWord(value)}`]));
  return `rackboot init --force ${words.join(' ')}`;
}

function findPlace({ config, stateDir, region }: InitFlags, { proposal, name }: InitAnswers): InitPlace {
  return {
    remote: region === undefined ? undefined : { url: region, rack: name },
    file: config,
    isDefaultFile: config === RACK_CONFIG,
    tree: join(stateDir, 'boot'),
    pageUrl: `http://${pageHost(proposal)}:${REGION_PORT}/MAAS/`,
    isBare: proposal === undefined,
    hasUnit: isUnitInstalled(),
    isRoot: process.geteuid?.() === 0,
    program: ownProgram(),
  };
}

/** Without a network, the address on the way to the default router: there people are. */
function pageHost(proposal: InitAnswers['proposal']): string {
  if (proposal !== undefined) return formatIpv4(proposal.address);
  const outward = readDefaultRouteInterfaces();
  const others = readInterfaces().flatMap(({ name, addresses }) => addresses.map((one) => ({ ...one, name })));
  const usable = others.filter(({ address }) => !isLoopback(address));
  const best = usable.find(({ name }) => outward.has(name)) ?? usable[0];
  return best === undefined ? 'localhost' : formatIpv4(best.address);
}
