// What needs a person now: one line each, with the remedy as a button where the page has one.
//
//   machines with a problem, or waiting for somebody ─┐
//   findings, ranges, images, conflicts, new machines ┴─► needs, the urgent ones first ─► lines
//
// 1. Only remedies that the viewer may use are shown.

import { formatNetwork } from '../../../ground/address.ts';
import { asSentence } from '../../../ground/counted.ts';
import { type Html, html, nothing, type Part } from '../../../ground/html.ts';
import type { ListedResource } from '../../images/boot-images.ts';
import type { ImportRun } from '../../records/boot-store.ts';
import { importText } from '../../records/import-reason.ts';
import { type Machine, machineFqdn } from '../../records/machine.ts';
import type { Conflict } from '../../records/store.ts';
import { renderForm } from '../frame/forms.ts';
import { mayOpen } from '../frame/parts.ts';
import { RACKS_PATH, rackPath } from '../frame/racks-part.ts';
import { codeIn, conflictText, pathBelow, remarkText, statusPill } from '../frame/values.ts';
import { EDIT_MACHINE, mayCall, type View } from '../frame/view.ts';
import { words } from '../frame/words.ts';
import { IMAGES_PATH, resourceTitle } from '../images/image-page.ts';
import { IDENTITY_PAGE, identityPath } from '../machines/identity-page.ts';
import { BOOT_COLOURS } from '../machines/last-boot.ts';
import { actionPath, actionsFor, chooseActionTone, machinePath } from '../machines/machine-actions.ts';
import { sectionPath } from '../machines/machine-frame.ts';
import { ACCEPT_ALL } from '../machines/machines-page.ts';
import type { BootVerdict } from '../machines/waterfall.ts';
import { findNearlyFull, subnetPath } from '../networks/networks-page.ts';
import { type Finding, HEALTH_PATH, isOfRange, listFindings, wayButton } from '../racks/findings.ts';

interface Need {
  readonly tone: 'red' | 'amber' | 'violet';
  readonly who: Html;
  readonly what: Part;
  readonly remedy?: Html;
}

/** The first machines of a kind, and how many there are. */
export interface ListedMachines {
  readonly listed: readonly Machine[];
  readonly count: number;
}

/** What the page has read of machines and images. */
interface OverviewData {
  readonly problems: ListedMachines;
  /** At work, but their last boots failed. */
  readonly failing: ListedMachines;
  readonly verdicts: ReadonlyMap<string, BootVerdict>;
  readonly waiting: ListedMachines;
  readonly newCount: number;
  readonly failedImages: readonly ListedResource[];
  readonly skipped: ImportRun['skipped'];
}

/** Conflicts on the page; `rackboot machines show` lists those of one machine. */
const CONFLICTS_MAX = 10;
const IMAGES_MAX = 5;
const SKIPPED_MAX = 40;
const FINDINGS_MAX = 10;

const buttonTo = (path: string, label: string) =>
  html`<a class="button plain small-button" href="${path}">${label}</a>`;
const renderNeedLink = (path: string, name: string) => html`<a class="name" href="${path}">${name}</a>`;
const renderNeedMachine = (machine: Machine) =>
  html`${renderNeedLink(machinePath(machine.systemId), machineFqdn(machine))} ${statusPill(machine.status)}`;

/** The usual next action of a machine, if the viewer may take it. */
function nextAction(machine: Machine, { viewer }: View) {
  const action = actionsFor(machine, viewer).find(
    (machineAction) => chooseActionTone(machineAction, machine) === 'primary',
  );
  return action === undefined ? nothing : buttonTo(actionPath(machine, action.name), action.texts().label);
}

const problemNeed = (view: View, machine: Machine): Need => ({
  tone: 'red',
  who: renderNeedMachine(machine),
  what: asSentence(remarkText(machine.statusReason)),
  remedy: nextAction(machine, view),
});

const failingNeed = (machine: Machine, { kind, why }: BootVerdict): Need => ({
  tone: kind === 'stopped' ? 'amber' : 'red',
  who: html`${renderNeedMachine(machine)} <span class="pill ${BOOT_COLOURS[kind]}">${words.boots.heads[kind]}</span>`,
  what: html`${codeIn(asSentence(why))}`,
  remedy: buttonTo(sectionPath(machine.systemId, 'boot'), words.boots.see),
});

/** Of a machine that a person must switch on or off beside it. */
function machineWaitingText({ statusReason }: Machine): string {
  const text = asSentence(remarkText(statusReason));
  const { switchOn, restart } = words.machine.remedies;
  const remedies: Readonly<Partial<Record<string, string>>> = {
    'waits-for-hand': switchOn,
    'waits-for-restart': restart,
  };
  const remedy = remedies[statusReason?.code ?? ''];
  return remedy === undefined ? text : `${text}. ${remedy}`;
}

const waitingNeed = ({ viewer }: View, machine: Machine): Need => ({
  tone: 'amber',
  who: renderNeedMachine(machine),
  what: machineWaitingText(machine),
  ...(mayCall(viewer, EDIT_MACHINE)
    ? { remedy: buttonTo(`${machinePath(machine.systemId)}power/`, words.overview.setPower) }
    : {}),
});

function findingNeed({ rack, check, text, tone, way }: Finding): Need {
  const who =
    rack === undefined
      ? renderNeedLink(HEALTH_PATH, check)
      : html`${renderNeedLink(rackPath(rack), rack.name)} <b>${check}</b>`;
  return {
    tone: tone === 'red' ? 'red' : 'amber',
    who,
    what: text,
    ...(way && { remedy: wayButton(way) }),
  };
}

/** What is wrong with racks and the region; further ones are on their own pages. */
async function findingNeeds(view: View): Promise<readonly Need[]> {
  await view.region.settings.load();
  const all = listFindings(view).filter((finding) => !isOfRange(finding));
  const urgent = (['red', 'amber'] as const).flatMap((tone) => all.filter((finding) => finding.tone === tone));
  const path = view.viewer.isAdmin ? HEALTH_PATH : RACKS_PATH;
  const left = urgent.length - FINDINGS_MAX;
  const who = renderNeedLink(path, words.overview.further.finding(left));
  const rest: Need = { tone: 'red', who, what: '', remedy: buttonTo(path, words.overview.list) };
  return [...urgent.slice(0, FINDINGS_MAX).map(findingNeed), ...(left > 0 ? [rest] : [])];
}

async function rangeNeeds({ region, viewer }: View): Promise<readonly Need[]> {
  return (await findNearlyFull(region)).flatMap(({ subnet, type, taken, total }) => {
    if (subnet === undefined) return [];
    const path = subnetPath(subnet.subnet.id);
    const what = words.overview.full(words.networks.rangeTypes[type].toLowerCase(), taken, total);
    const remedy = mayCall(viewer, 'POST subnets') ? { remedy: buttonTo(path, words.overview.enlarge) } : {};
    return [{ tone: 'amber', who: renderNeedLink(path, formatNetwork(subnet.network)), what, ...remedy } as const];
  });
}

function imageNeeds({ failedImages, skipped }: OverviewData): readonly Need[] {
  const failed = failedImages.slice(0, IMAGES_MAX).map(({ id, name, progress }): Need => {
    const path = pathBelow(IMAGES_PATH, String(id));
    const what =
      progress?.reason === undefined ? words.overview.imageFailed : html`${codeIn(importText(progress.reason))}`;
    return {
      tone: 'red',
      who: renderNeedLink(path, resourceTitle(name)),
      what,
      remedy: buttonTo(path, words.overview.open),
    };
  });
  const [first, ...others] = skipped;
  if (first === undefined) return failed;
  const remedy = buttonTo(IMAGES_PATH, words.overview.open);
  const textOf = ({ reason }: typeof first) => html`${codeIn(importText(reason))}`;
  if (others.length === 0)
    return [...failed, { tone: 'amber', who: renderNeedLink(IMAGES_PATH, first.name), what: textOf(first), remedy }];
  // Without a way out of the network, every source fails, each with the same words.
  const lines = skipped.slice(0, SKIPPED_MAX).map((skip) => html`<div><b>${skip.name}</b> ${textOf(skip)}</div>`);
  const what = html`<details id="not-imported"><summary>${words.overview.notImported(skipped.length)}</summary>${lines}</details>`;
  return [...failed, { tone: 'amber', who: renderNeedLink(IMAGES_PATH, words.frame.pages.images), what, remedy }];
}

type PageContext = Pick<View, 'region' | 'viewer'>;

function conflictNeed({ viewer }: PageContext, name: string, { systemId, otherId, why }: Conflict): Need {
  const text = conflictText(why);
  const mayBeOneMachine = systemId !== otherId;
  const what = mayBeOneMachine ? words.notices.maybeOne(systemId, text) : words.notices.maybeTwo(systemId, text);
  const who = renderNeedLink(machinePath(systemId), name);
  if (!mayOpen(viewer, IDENTITY_PAGE.access)) return { tone: 'amber', who, what };
  return { tone: 'amber', who, what, remedy: buttonTo(identityPath(systemId), words.identity.decide) };
}

/** Machines that may be the same. */
export async function conflictNeeds(view: PageContext): Promise<readonly Need[]> {
  const { store } = view.region;
  const conflicts = await store.listConflicts(CONFLICTS_MAX);
  const machines = await store.outlineMachines(conflicts.map(({ systemId }) => systemId));
  const names = new Map(machines.map(({ systemId, hostname }) => [systemId, hostname]));
  return conflicts.map((conflict) => conflictNeed(view, names.get(conflict.systemId) ?? conflict.systemId, conflict));
}

function freshNeeds(view: View, count: number): readonly Need[] {
  if (count === 0 || !mayCall(view.viewer, ACCEPT_ALL)) return [];
  const { newMachinesMax } = view.region.config();
  const body = { body: nothing, submit: words.machines.acceptAll(count), tone: 'plain', isInline: true } as const;
  const what = count < newMachinesMax ? words.overview.freshWhat : words.notices.fullWhy(newMachinesMax);
  const who = renderNeedLink('/MAAS/machines/?status=new', words.overview.fresh(count));
  return [{ tone: 'violet', who, what, remedy: renderForm(view, body) }];
}

export async function listNeeds(view: View, findings: OverviewData): Promise<readonly Need[]> {
  const { problems, failing, verdicts, waiting, newCount } = findings;
  /** The line that leads to the machines of a kind that are not listed. */
  const rest = ({ listed, count }: ListedMachines, kind: 'problem' | 'failing' | 'waiting'): readonly Need[] => {
    const left = count - listed.length;
    if (left <= 0) return [];
    const path = `/MAAS/machines/?status=${kind === 'problem' ? 'problem' : 'work'}`;
    const who = renderNeedLink(path, words.overview.further[kind](left));
    const tone = kind === 'waiting' ? 'amber' : 'red';
    return [{ tone, who, what: '', remedy: buttonTo(path, words.overview.list) }];
  };
  return [
    ...(await findingNeeds(view)),
    ...problems.listed.map((machine) => problemNeed(view, machine)),
    ...rest(problems, 'problem'),
    ...failing.listed.flatMap((machine) => {
      const verdict = verdicts.get(machine.systemId);
      return verdict === undefined ? [] : [failingNeed(machine, verdict)];
    }),
    ...rest(failing, 'failing'),
    ...waiting.listed.map((machine) => waitingNeed(view, machine)),
    ...rest(waiting, 'waiting'),
    ...imageNeeds(findings),
    ...(await rangeNeeds(view)),
    ...(await conflictNeeds(view)),
    ...freshNeeds(view, newCount),
  ];
}

const needItem = ({ tone, who, what, remedy = nothing }: Need) => html`
  <li class="list-item need ${tone}-edge"><div>${who}<div class="small">${what}</div></div>${remedy}</li>`;

/** @param saysIfNone true to say so if nothing is needed */
export function renderNeeds(needs: readonly Need[], saysIfNone: boolean): Html {
  if (needs.length === 0) return saysIfNone ? html`<div class="sheet note calm">${words.overview.calm}</div>` : nothing;
  return html`<h2>${words.overview.needs}</h2><ul class="sheet needs">${needs.map(needItem)}</ul>`;
}

/** A line that leads to the rest of a list. */
export const moreLine = (text: string, path: string): Html =>
  html`<div class="list-item"><div>${renderNeedLink(path, text)}</div></div>`;
