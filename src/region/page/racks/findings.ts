// What is wrong with racks and the region, and where a person mends it: for the overview, the pages
// of racks, and the page of health.
//
//   state of the racks ────── listRackRemarks ───┐ (everybody)
//   measures of their hosts ─ listHostFindings ──┼─► findings, each with a text, a page or a command
//   the region itself ─────── listRegionFindings ┘ (administrators)
//
// 1. Nothing is examined for this: racks report what `rackboot status` says on their hosts, with
//    their measures.
// 2. A rack is another host: its texts are cleaned and bounded where they are read (`records/heartbeat.ts`).
// 3. A page is named only to those who may change something there.

import { findCertificateProblem, readCertificatePair } from '../../../files/certificate.ts';
import { asSentence } from '../../../ground/counted.ts';
import { RackError } from '../../../ground/errors.ts';
import { type Html, html, nothing, type Part } from '../../../ground/html.ts';
import { formatSize, formatSpan } from '../../../ground/quantity.ts';
import { findDoubt, findSharedRange, rangeSharedText } from '../../racks/rack-networks.ts';
import { isAway, type Rack } from '../../records/rack.ts';
import { BOOT_FILES_CHECK, type HostFinding } from '../../records/rack-measures.ts';
import type { Region } from '../../region.ts';
import { noteText } from '../../reports/notes.ts';
import { rackPath } from '../frame/racks-part.ts';
import { codeIn, conflictText, timeAgo } from '../frame/values.ts';
import { CHANGE_SETTINGS, mayCall, type View } from '../frame/view.ts';
import { words } from '../frame/words.ts';
import { IMAGES_PATH } from '../images/image-page.ts';
import { interfacePath, NETWORKS_PATH } from '../networks/networks-page.ts';
import { listUpstreams } from '../networks/upstreams.ts';
import { stepPath } from './first-steps.ts';

/** A difference of clocks from which on leases and logs are confusing; less may be the way of a heartbeat. */
export const CLOCK_OFF_MS = 5000;
const LOW_DISK_SHARE = 0.05;
const NETWORKS_NAMED_MAX = 6;
export const HEALTH_PATH = '/MAAS/health/';
const SETTINGS_PATH = '/MAAS/settings/';

/** A page on which a person mends something. */
interface Way {
  readonly path: string;
  readonly label: string;
}

export interface Finding {
  /** `undefined`: the region. */
  readonly rack: Rack | undefined;
  /** What is wrong, in a word. */
  readonly check: string;
  readonly text: Part;
  /** `red`: something is broken. `amber`: a person should do something. `note`: good to know. */
  readonly tone: 'red' | 'amber' | 'note';
  /** A command that helps on the rack's host. */
  readonly fix?: string | undefined;
  /** `undefined`: no page helps, or the viewer may not change it. */
  readonly way?: Way | undefined;
}

export const wayButton = ({ path, label }: Way): Html =>
  html`<a class="button plain small-button" href="${path}">${label}</a>`;

/** Under the name of its rack. */
export const findingLine = ({ text, way, tone }: Finding): Html => html`
  <div class="${tone === 'red' ? 'why' : 'small'}">${text}</div>${way === undefined ? nothing : wayButton(way)}`;

const goTo = (path: string, page: keyof typeof words.frame.pages): Way => ({
  path,
  label: words.health.goTo(words.frame.pages[page]),
});

const toRack = (rack: Rack): Way => ({ path: rackPath(rack), label: words.overview.open });

/**
 * How far the clock of a rack is ahead of the region's, when its newest measures came; `undefined`:
 * it did not say.
 */
export function clockAhead({ racks }: Region, { uuid, isEmbedded }: Rack): number | undefined {
  const newest = racks.samplesOf(uuid).at(-1);
  const host = newest?.measures.host;
  return host === undefined || newest === undefined || isEmbedded ? undefined : host.atMs - newest.atMs;
}

/** Accepting an accepted rack again agrees to networks that are in doubt. */
const toAccept = (rack: Rack): Way => ({
  path: `${rackPath(rack)}do/accept/`,
  label: words.rack.verbs.accept.label,
});

function pendingRemark({ viewer }: View, rack: Rack, doubt: string | undefined): Finding {
  const way = mayCall(viewer, 'POST nodegroups accept') ? toAccept(rack) : undefined;
  const waits = words.racks.registered(rack.address);
  const text = doubt === undefined ? waits : html`${waits} <b>${asSentence(doubt)}.</b>`;
  return { rack, check: words.health.checks.pending, text, tone: 'amber', way };
}

/** What everybody sees of a rack, the most important first. */
export function listRackRemarks(view: View, rack: Rack): readonly Finding[] {
  const { region, viewer, nowMs } = view;
  const { checks, silent, silentFix } = words.health;
  const racks = region.racks.list();
  const doubt = findDoubt(rack, racks);
  const overlap = doubt === undefined ? undefined : conflictText(doubt);
  if (rack.state === 'pending') return [pendingRemark(view, rack, overlap)];
  if (rack.state !== 'accepted') return [];
  if (isAway(rack, nowMs)) {
    const text = html`${silent} ${timeAgo(rack.seenMs ?? rack.stateSinceMs, nowMs)}. ${words.racks.away}`;
    return [{ rack, check: checks.silence, text, tone: 'red', fix: silentFix, way: toRack(rack) }];
  }
  const maySet = mayCall(viewer, CHANGE_SETTINGS);
  const shared = findSharedRange(rack, racks);
  const refused = rack.pulse?.settingsRefused;
  const buildFinding = (tone: Finding['tone'], check: string, text: string, way: Way): Finding => ({
    rack,
    check,
    text: asSentence(text),
    tone,
    way: maySet ? way : undefined,
  });
  const foreign = rack.interfaces.filter(({ foreign_dhcp_ip: address }) => address !== undefined);
  const servers = foreign
    .slice(0, NETWORKS_NAMED_MAX)
    .map(({ name, foreign_dhcp_ip: address }) => words.racks.foreignServer(address ?? '', name));
  const [first] = foreign;
  const hasNone = !rack.isEmbedded && rack.seenMs !== undefined && rack.interfaces.length === 0;
  const enable = { path: `${NETWORKS_PATH}interfaces/add/?rack=${rack.uuid}`, label: words.networks.enable };
  return [
    ...(overlap === undefined ? [] : [buildFinding('red', checks.networks, overlap, toAccept(rack))]),
    ...(shared === undefined
      ? []
      : [buildFinding('red', checks.networks, rangeSharedText(shared), goTo(NETWORKS_PATH, 'networks'))]),
    ...(refused === undefined
      ? []
      : [buildFinding('red', checks.settings, words.racks.settingsRefused(refused), goTo(SETTINGS_PATH, 'settings'))]),
    ...(hasNone ? [buildFinding('amber', checks.networks, words.racks.noNetwork, enable)] : []),
    ...(first === undefined
      ? []
      : [buildFinding('amber', 'DHCP', words.racks.foreignServers(servers), interfaceWay(rack, first.name))]),
  ];
}

const interfaceWay = ({ uuid }: Rack, name: string): Way => goTo(interfacePath({ rack: uuid, name }), 'networks');

/** The overview counts the addresses of ranges itself. */
export const isOfRange = ({ check }: Finding): boolean => check.startsWith('range of ');

/** The pages for what a host reports, by the first word of the check. */
const WAYS: Readonly<Record<string, () => Way>> = {
  networks: () => goTo(NETWORKS_PATH, 'networks'),
  network: () => goTo(NETWORKS_PATH, 'networks'),
  range: () => goTo(NETWORKS_PATH, 'networks'),
  DHCP: () => goTo(NETWORKS_PATH, 'networks'),
  disk: () => goTo(IMAGES_PATH, 'images'),
  boot: () => goTo(IMAGES_PATH, 'images'),
  listener: () => goTo(SETTINGS_PATH, 'settings'),
  configuration: () => goTo(SETTINGS_PATH, 'settings'),
  metrics: () => goTo(SETTINGS_PATH, 'settings'),
};

function wayTo(rack: Rack, check: string): Way {
  if (check === BOOT_FILES_CHECK) return { path: stepPath('files'), label: words.firstRun.steps.files.button };
  const name = /^(?:network|DHCP on|range of) (.+)$/.exec(check)?.[1];
  const own = rack.interfaces.find((entry) =>
    [entry.name, entry.interface, entry.network].some((text) => text === name),
  );
  if (own !== undefined) return interfaceWay(rack, own.name);
  const [word = ''] = check.split(' ', 1);
  return Object.hasOwn(WAYS, word) ? (WAYS[word]?.() ?? toRack(rack)) : toRack(rack);
}

const hostFinding = (rack: Rack, { check, text, isNote, fix }: HostFinding): Finding => ({
  rack,
  check,
  text: codeIn(asSentence(text)),
  tone: isNote ? 'note' : 'red',
  fix,
  way: wayTo(rack, check),
});

/**
 * What an administrator sees of a rack that is not away: what it reports of its host, and how it
 * differs from the region.
 */
function listHostFindings({ region }: View, rack: Rack): readonly Finding[] {
  const { health } = words;
  const { checks } = health;
  const { deadLetters = 0 } = rack.pulse ?? {};
  const ahead = Math.abs(clockAhead(region, rack) ?? 0);
  const own = region.racks.own?.version;
  const host = region.racks.samplesOf(rack.uuid).at(-1)?.measures.host;
  const { disk } = host ?? {};
  const isTooFull = host?.findings.some(({ check }) => check === 'disk') === true;
  const isLow = !isTooFull && disk !== undefined && disk.freeBytes < disk.totalBytes * LOW_DISK_SHARE;
  const buildFinding = (
    tone: Finding['tone'],
    check: string,
    text: string,
    fix?: string,
    way = toRack(rack),
  ): Finding => ({
    rack,
    check,
    text,
    tone,
    fix,
    way,
  });
  /** The region knows foreign DHCP servers by the networks themselves. */
  const isTold = ({ text }: HostFinding) =>
    rack.interfaces.some(({ foreign_dhcp_ip: address }) => address !== undefined && text.endsWith(address));
  return [
    ...(ahead > CLOCK_OFF_MS
      ? [buildFinding('red', checks.clock, health.clockOff(formatSpan(ahead)), health.clockFix)]
      : []),
    ...(deadLetters === 0 ? [] : [buildFinding('red', checks.events, health.letters(deadLetters), health.lettersFix)]),
    ...(isLow
      ? [
          buildFinding(
            'amber',
            checks.disk,
            health.lowDisk(formatSize(disk.freeBytes)),
            health.lowDiskFix,
            goTo(IMAGES_PATH, 'images'),
          ),
        ]
      : []),
    ...(own === undefined || own === rack.version
      ? []
      : [buildFinding('note', checks.version, health.otherVersion(rack.version, own))]),
    ...(host?.findings ?? []).filter((finding) => !isTold(finding)).map((finding) => hostFinding(rack, finding)),
  ];
}

interface Certificate {
  readonly problem: string | undefined;
  readonly untilMs: number | undefined;
}

/** `undefined`: the region has no TLS. */
export function describeCertificate(region: Region, nowMs: number): Certificate | undefined {
  const { tls } = region.config();
  if (tls === undefined) return undefined;
  try {
    const read = readCertificatePair(tls);
    const problem = findCertificateProblem(read, tls, nowMs);
    return { problem: problem && noteText(problem), untilMs: read.validUntilMs };
  } catch (error) {
    if (!(error instanceof RackError)) throw error;
    return { problem: error.message, untilMs: undefined };
  }
}

/** One for each upstream that gives some rack no answer; it is broken if no other server is asked instead. */
function upstreamFindings({ region, nowMs }: View): readonly Finding[] {
  const upstreams = listUpstreams(region);
  return upstreams.flatMap(({ server, domain, failed }): readonly Finding[] => {
    const [first] = failed.toSorted((a, b) => a.sinceMs - b.sinceMs);
    if (first === undefined) return [];
    const isLast = upstreams
      .filter((upstream) => upstream.domain === domain)
      .every((upstream) => upstream.failed.length > 0);
    const text = html`${words.health.upstream(server, domain)} ${timeAgo(first.sinceMs, nowMs)} (${first.rack}).`;
    const way = goTo(`${SETTINGS_PATH}#dns`, 'settings');
    return [{ rack: undefined, check: words.health.checks.upstream, text, tone: isLast ? 'red' : 'amber', way }];
  });
}

function listRegionFindings(view: View): readonly Finding[] {
  const { region, nowMs } = view;
  const { checks } = words.health;
  const outage = region.store.availability?.problem;
  const problem = describeCertificate(region, nowMs)?.problem;
  const bad = (check: string, text: string, way?: Way): Finding => ({ rack: undefined, check, text, tone: 'red', way });
  return [
    ...(outage === undefined ? [] : [bad(checks.database, noteText(outage))]),
    ...(problem === undefined ? [] : [bad(checks.certificate, problem, goTo(SETTINGS_PATH, 'settings'))]),
    ...upstreamFindings(view),
  ];
}

/** All that the viewer may know, the region's own first. The settings must be loaded. */
export function listFindings(view: View): readonly Finding[] {
  const { region, viewer, nowMs } = view;
  const racks = region.racks.list();
  if (!viewer.isAdmin) return racks.flatMap((rack) => listRackRemarks(view, rack));
  const isHeard = (rack: Rack): boolean => rack.state === 'accepted' && !isAway(rack, nowMs);
  return [
    ...listRegionFindings(view),
    ...racks.flatMap((rack) => [
      ...listRackRemarks(view, rack),
      ...(isHeard(rack) ? listHostFindings(view, rack) : []),
    ]),
  ];
}
