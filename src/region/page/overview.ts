// The page at /MAAS/, where a person arrives: what needs them, the machines by state, and what is happening now.
//
// 1. It reads a bounded number of machines and images, however many there are; links lead to the rest.
// 2. Without machines it says what to do first, instead.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Html, html, nothing } from '../../html.ts';
import { formatNetwork } from '../../net/address.ts';
import type { ListedResource } from '../images/boot-images.ts';
import { isImporting } from '../records/boot-store.ts';
import { isFailure } from '../records/import-reason.ts';
import type { Machine } from '../records/machine.ts';
import { machineFqdn } from '../records/machine.ts';
import { STATUS_GROUPS } from '../records/machine-search.ts';
import { renderStrangers } from './events-part.ts';
import { renderLeftSteps } from './first-steps.ts';
import { IMAGES_PATH, importPart, resourceTitle, statePill } from './image-page.ts';
import { machinePath } from './machine-actions.ts';
import { countsOf } from './machine-filters.ts';
import { parseQuery } from './machine-query.ts';
import { ACCEPT_ALL } from './machines-page.ts';
import { moreLine, needsOf, renderNeeds } from './needs.ts';
import { NETWORKS_PATH } from './networks-page.ts';
import { pageOf } from './parts.ts';
import { pathBelow, statusPill } from './values.ts';
import { mayCall, type PageDefinition, submit, type View } from './view.ts';
import { words } from './words.ts';
import { isWaiting, progressBar, workText } from './work-part.ts';

/** Machines with a problem, or at work, that are listed one by one. */
const LISTED_MAX = 10;
/** Machines at work that are read, to tell those that wait for somebody from those that go on by themselves. */
const WORK_READ_MAX = 40;

const linkOf = (machine: Machine) =>
  html`<a class="name" href="${machinePath(machine.systemId)}">${machineFqdn(machine)}</a>`;

const workItem = (machine: Machine) => html`
  <div class="list-item"><div>${linkOf(machine)} ${statusPill(machine.status)}<div class="small">${workText(machine)}</div></div>
  <div class="going">${progressBar(machine)}</div></div>`;

const imageItem = (resource: ListedResource, isRunning: boolean, nowMs: number) => html`
  <div class="list-item"><div><a class="name" href="${pathBelow(IMAGES_PATH, String(resource.id))}">${resourceTitle(resource.name)}</a>
  ${statePill(resource, isRunning)}</div><div class="going">${importPart(resource, isRunning, nowMs)}</div></div>`;

const MOVING: ReadonlySet<string> = new Set(['connecting', 'downloading', 'verifying']);

async function firstSteps(view: View) {
  const { first } = words.overview;
  const networks = await view.region.networks.look();
  const served = networks.served.filter(({ management }) => management !== 0);
  const names = [...new Set(served.map(({ network }) => formatNetwork(network)))];
  const link = (path: string, text: string) =>
    mayCall(view.viewer, ACCEPT_ALL) ? html` <a href="${path}">${text}</a>` : nothing;
  const { steps } = first;
  return html`
    <div class="sheet first-steps"><h2>${first.title}</h2><p>${first.lead}</p>
    <ol><li>${steps.networks(names)}${link(NETWORKS_PATH, first.toNetworks)}</li><li>${steps.boot}</li><li>${steps.accept}</li>
    <li>${steps.image}${link(IMAGES_PATH, first.toImages)}</li></ol></div>`;
}

async function renderOverview(view: View): Promise<Html> {
  const { region, nowMs } = view;
  const { store } = region;
  const counts = await store.countStatuses();
  const countIn = (statuses: readonly Machine['status'][]) =>
    statuses.reduce((sum, status) => sum + (counts.get(status) ?? 0), 0);
  const read = async (statuses: readonly Machine['status'][], max: number) =>
    countIn(statuses) === 0 ? [] : await store.listMachines({ statuses }, 0, max);
  const problems = await read(STATUS_GROUPS.problem, LISTED_MAX);
  const work = await read(STATUS_GROUPS.work, WORK_READ_MAX);
  await nextTurn();
  const waiting = work.filter(isWaiting);
  const going = work.filter((machine) => !isWaiting(machine));
  const run = await store.boot.findRun();
  const isRunning = isImporting(run);
  const images = await region.bootImages.listResources();
  const moving = images.filter(({ progress }) => MOVING.has(progress?.state ?? ''));
  const needs = await needsOf(view, {
    problems,
    problemCount: countIn(STATUS_GROUPS.problem),
    waiting: waiting.slice(0, LISTED_MAX),
    waitingMore: Math.max(0, waiting.length - LISTED_MAX),
    freshCount: countIn(STATUS_GROUPS.new),
    failedImages: images.filter(({ progress }) => progress?.state === 'failed'),
    skipped: run.skipped.filter(({ reason }) => isFailure(reason)),
  });
  const more = countIn(STATUS_GROUPS.work) - waiting.length - Math.min(going.length, LISTED_MAX);
  const now = [
    ...going.slice(0, LISTED_MAX).map(workItem),
    ...(more > 0 ? [moreLine(words.overview.moreWork(more), '/MAAS/machines/?status=work')] : []),
    ...moving.slice(0, LISTED_MAX).map((resource) => imageItem(resource, isRunning, nowMs)),
  ];
  const happening =
    now.length === 0 ? nothing : html`<h2>${words.overview.now}</h2><div class="sheet" data-at-work="">${now}</div>`;
  const machines =
    counts.size === 0
      ? await firstSteps(view)
      : html`<h2>${words.overview.machines}</h2>${countsOf(counts, parseQuery(new Map()))}`;
  return pageOf(view, {
    title: words.frame.pages.overview,
    place: 'overview',
    isLive: true,
    main: html`
      <div id="bar" class="bar"><h1>${words.frame.pages.overview}</h1></div>
      <div id="needs">${renderNeeds(needs, counts.size > 0)}</div>
      <div id="steps">${await renderLeftSteps(view)}</div>
      <div id="counts">${machines}</div>
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
