// The page at /MAAS/, where a person arrives: what needs them, the machines by state, and what is
// happening now.
//
// 1. It reads a bounded number of machines and images, however many there are; links lead to the rest.
// 2. Without machines it says what to do first, instead.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Html, html, nothing } from '../../../ground/html.ts';
import type { ListedResource } from '../../images/boot-images.ts';
import { isImporting } from '../../records/boot-store.ts';
import { isFailure } from '../../records/import-reason.ts';
import type { Machine } from '../../records/machine.ts';
import { machineFqdn } from '../../records/machine.ts';
import { isProblem, isWork } from '../../records/machine-search.ts';
import { renderFullPage } from '../frame/parts.ts';
import { codeIn, pathBelow, statusPill } from '../frame/values.ts';
import { mayCall, type PageDefinition, submit, type View } from '../frame/view.ts';
import { words } from '../frame/words.ts';
import { IMAGES_PATH, importPart, resourceTitle, statePill } from '../images/image-page.ts';
import { renderStrangers } from '../machines/events-part.ts';
import { findFailedBoots } from '../machines/last-boot.ts';
import { machinePath } from '../machines/machine-actions.ts';
import { renderStatusCounts } from '../machines/machine-filters.ts';
import { getMachineIndex, type IndexedMachine } from '../machines/machine-index.ts';
import { parseQuery } from '../machines/machine-query.ts';
import { ACCEPT_ALL } from '../machines/machines-page.ts';
import { progressBar, workText } from '../machines/work-part.ts';
import { NETWORKS_PATH } from '../networks/networks-page.ts';
import { renderLeftSteps } from '../racks/first-steps.ts';
import { type ListedMachines, listNeeds, moreLine, renderNeeds } from './needs.ts';

/** Machines with a problem, or at work, that are listed one by one. */
const LISTED_MAX = 10;
/**
 * Of machines that boot, the boots of so many are judged: of those that have been silent for the
 * longest time.
 */
const BOOTS_READ_MAX = 40;

const renderMachineLink = (machine: Machine) =>
  html`<a class="name" href="${machinePath(machine.systemId)}">${machineFqdn(machine)}</a>`;

const workItem = (machine: Machine) => html`
  <div class="list-item"><div>${renderMachineLink(machine)} ${statusPill(machine.status)}<div class="small">${workText(machine)}</div></div>
  <div class="going">${progressBar(machine)}</div></div>`;

const imageItem = (resource: ListedResource, isRunning: boolean, nowMs: number) => html`
  <div class="list-item"><div><a class="name" href="${pathBelow(IMAGES_PATH, String(resource.id))}">${resourceTitle(resource.name)}</a>
  ${statePill(resource)}</div><div class="going">${importPart(resource, isRunning, nowMs)}</div></div>`;

const MOVING: ReadonlySet<string> = new Set(['connecting', 'downloading', 'verifying']);

async function firstSteps(view: View) {
  const { first } = words.overview;
  const networks = await view.region.networks.look();
  const served = networks.served.filter(({ management }) => management !== 0);
  const names = [...new Set(served.map(({ cidr, isProxy }) => (isProxy ? first.proxy(cidr) : cidr)))];
  const link = (path: string, text: string) =>
    mayCall(view.viewer, ACCEPT_ALL) ? html` <a href="${path}">${text}</a>` : nothing;
  const { steps } = first;
  return html`
    <div class="sheet first-steps"><h2>${first.title}</h2><p>${first.lead} ${codeIn(first.trouble)}</p>
    <ol><li>${steps.networks(names)}${link(NETWORKS_PATH, first.toNetworks)}</li><li>${steps.boot}</li><li>${steps.accept}</li>
    <li>${steps.image}${link(IMAGES_PATH, first.toImages)}</li></ol></div>`;
}

/** Those of a kind that are listed, and how many there are. */
const pickListedMachines = (read: ReadonlyMap<string, Machine>, all: readonly IndexedMachine[]): ListedMachines => ({
  listed: all.slice(0, LISTED_MAX).flatMap(({ systemId }) => read.get(systemId) ?? []),
  count: all.length,
});

async function readMachines({ region: { store } }: View, wanted: readonly IndexedMachine[]) {
  const systemIds = wanted.map(({ systemId }) => systemId);
  const machines = wanted.length === 0 ? [] : await store.listMachines({ systemIds }, 0, systemIds.length);
  return new Map(machines.map((machine) => [machine.systemId, machine]));
}

const classifyNeed = ({ status, isWaiting }: IndexedMachine) =>
  isProblem(status) ? 'problem' : !isWork(status) ? 'none' : isWaiting ? 'waiting' : 'going';

/** The machines that need somebody, by why, and those at work that go on by themselves. */
async function collectMachines(view: View) {
  const all = (await getMachineIndex(view.region).list()).filter(({ isDevice }) => !isDevice);
  const byNeed = Map.groupBy(all, classifyNeed);
  const [problems = [], waiting = [], work = []] = [byNeed.get('problem'), byNeed.get('waiting'), byNeed.get('going')];
  const booting = work
    .filter(({ bootMs }) => bootMs !== undefined)
    .toSorted((a, b) => (a.bootMs ?? 0) - (b.bootMs ?? 0))
    .slice(0, BOOTS_READ_MAX);
  const boots = await readMachines(view, booting);
  const verdicts = await findFailedBoots(view, [...boots.values()]);
  await nextTurn();
  const failing = work.filter(({ systemId }) => verdicts.has(systemId));
  const going = work.filter(({ systemId }) => !verdicts.has(systemId));
  const read = await readMachines(
    view,
    [problems, waiting, going].flatMap((some) => some.slice(0, LISTED_MAX)),
  );
  return {
    problems: pickListedMachines(read, problems),
    failing: pickListedMachines(boots, failing),
    verdicts,
    waiting: pickListedMachines(read, waiting),
    going: pickListedMachines(read, going),
  };
}

async function renderOverview(view: View): Promise<Html> {
  const { region, nowMs } = view;
  const { store } = region;
  const counts = await store.countStatuses();
  const machines = await collectMachines(view);
  const run = await store.boot.findRun();
  const isRunning = isImporting(run);
  const images = await region.bootImages.listResources();
  const moving = images.filter(({ progress }) => MOVING.has(progress?.state ?? ''));
  const needs = await listNeeds(view, {
    ...machines,
    newCount: counts.get('new') ?? 0,
    failedImages: images.filter(({ progress }) => progress?.state === 'failed'),
    skipped: run.skipped.filter(({ reason }) => isFailure(reason)),
  });
  const { going } = machines;
  const more = going.count - going.listed.length;
  const now = [
    ...going.listed.map(workItem),
    ...(more > 0 ? [moreLine(words.overview.moreWork(more), '/MAAS/machines/?status=work')] : []),
    ...moving.slice(0, LISTED_MAX).map((resource) => imageItem(resource, isRunning, nowMs)),
  ];
  const happening =
    now.length === 0 ? nothing : html`<h2>${words.overview.now}</h2><div class="sheet" data-at-work="">${now}</div>`;
  const byState =
    counts.size === 0
      ? await firstSteps(view)
      : html`<h2>${words.overview.machines}</h2>${renderStatusCounts(counts, parseQuery(new Map()))}`;
  return renderFullPage(view, {
    title: words.frame.pages.overview,
    place: 'overview',
    isLive: true,
    main: html`
      <div id="bar" class="bar"><h1>${words.frame.pages.overview}</h1></div>
      <div id="needs">${renderNeeds(needs, counts.size > 0)}</div>
      <div id="steps">${await renderLeftSteps(view)}</div>
      <div id="counts">${byState}</div>
      <div id="now">${happening}</div>
      <div id="strangers">${await renderStrangers(view)}</div>`,
  });
}

export const OVERVIEW_PAGE: PageDefinition = {
  path: '/MAAS/',
  access: 'user',
  render: renderOverview,
  act: async (view) => submit(view, ACCEPT_ALL, {}, {}, '/MAAS/', words.machines.accepted),
  operations: [ACCEPT_ALL],
};
