// What a region needs before its first machine, and which of it is done: the steps of the first run.
//
// 1. What is done follows from the state: a value that a file or the store has, an SSH key, an
//    image, boot files, a served network. Only that nobody wants to be reminded any more is stored
//    (`region.first_run_done`).
// 2. Only administrators are reminded, and only they take the steps.

import { type Html, html, nothing } from '../../../ground/html.ts';
import { isImporting } from '../../records/boot-store.ts';
import type { Rack } from '../../records/rack.ts';
import { BOOT_FILES_CHECK, type HostFinding } from '../../records/rack-measures.ts';
import type { Region } from '../../region.ts';
import { hiddenField, renderForm } from '../frame/forms.ts';
import type { View } from '../frame/view.ts';
import { words } from '../frame/words.ts';
import { selectionText } from '../images/images-page.ts';
import { describeFixedPlace, findSettings, formatSettingText, type Setting } from '../settings/settings-page.ts';

export const FIRST_RUN_PATH = '/MAAS/first-run/';
/** The setting that ends the reminders. */
export const DISMISSED_KEY = 'region.first_run_done';

/** The settings of each step that consists of settings. */
const STEP_KEYS = {
  name: ['region.name'],
  upstream: ['dns.upstream'],
  archives: ['preseeds.ubuntu_mirror', 'preseeds.ubuntu_ports_mirror'],
  proxy: ['http_proxy'],
} as const;

export type SettingsStep = keyof typeof STEP_KEYS;

/** The steps in their order. */
export const STEPS = ['name', 'upstream', 'archives', 'proxy', 'key', 'images', 'files', 'dhcp'] as const;
export type StepName = (typeof STEPS)[number];

/** Something that is set, and the file that sets it; `where` is empty if it can be changed here. */
interface Fact {
  readonly text: string;
  readonly where: string;
}

export interface Step {
  readonly name: StepName;
  readonly isDone: boolean;
  readonly facts: readonly Fact[];
}

type Reader = Pick<View, 'region' | 'viewer'>;

export const stepPath = (name: StepName): string => `${FIRST_RUN_PATH}${name}/`;

/** Of a list of facts, so many are shown. */
const FACTS_MAX = 5;

interface LackingRack {
  readonly rack: Rack;
  readonly finding: HostFinding;
}

/** The settings of a step, as they were last read. */
export function settingsOfStep({ region }: Pick<View, 'region'>, name: SettingsStep): readonly Setting[] {
  const keys: readonly string[] = STEP_KEYS[name];
  return findSettings({ region }, ({ key }) => keys.includes(key));
}

function settingsStep(view: Reader, name: SettingsStep): Step {
  const settings = settingsOfStep(view, name);
  const isSet = ({ owner, pin, stored }: Setting) => owner === 'file' || pin !== undefined || stored !== undefined;
  const facts = settings.filter(isSet).map((setting) => ({
    text: formatSettingText(setting, setting.value) || words.settings.none,
    where: describeFixedPlace(view, setting),
  }));
  return { name, isDone: settings.every(isSet), facts };
}

async function keyStep({ region, viewer }: Reader): Promise<Step> {
  const keys = await region.store.life.listSshKeys(viewer.username);
  const facts = keys.length === 0 ? [] : [{ text: words.firstRun.keys(keys.length), where: '' }];
  return { name: 'key', isDone: keys.length > 0, facts };
}

async function imagesStep({ region: { bootImages } }: Pick<View, 'region'>): Promise<Step> {
  const selections = await bootImages.listSelections();
  const resources = await bootImages.listResources();
  const run = await bootImages.run();
  const isHere = resources.some(({ images }) => images.length > 0);
  // An import that is over and brought nothing leaves the step open, with all that is selected.
  const isOver = run.endedMs > 0 && !isImporting(run);
  const isComing = isOver
    ? resources.some(({ progress }) => progress !== undefined && progress.state !== 'failed')
    : selections.length + resources.length > 0;
  const isDone = isHere || isComing;
  const facts = selections.slice(0, FACTS_MAX).map((selection) => ({
    text: selectionText(selection),
    where:
      selection.definingFile === undefined
        ? ''
        : words.sources.pinnedSelection(selection.definingFile.file, selection.definingFile.line).toString(),
  }));
  return { name: 'images', isDone, facts };
}

/** The accepted racks that say that no machine can boot from their files. */
export const racksWithoutFiles = ({ racks }: Region): readonly LackingRack[] =>
  racks.list().flatMap((rack) => {
    const { host } = racks.samplesOf(rack.uuid).at(-1)?.measures ?? {};
    const finding = host?.findings.find(({ check }) => check === BOOT_FILES_CHECK);
    return rack.state === 'accepted' && finding !== undefined ? [{ rack, finding }] : [];
  });

async function dhcpStep({ region }: Pick<View, 'region'>): Promise<Step> {
  const { served } = await region.networks.look();
  const managed = served.filter(({ management }) => management !== 0);
  const facts = managed.slice(0, FACTS_MAX).map(({ cidr, isProxy, rack, rackName, key }) => {
    const pin = region.settings.pinnedBy(key, rack);
    return {
      text: `${isProxy ? words.overview.first.proxy(cidr) : cidr} · ${rackName}`,
      where: pin === undefined ? '' : words.settings.writtenIn({ key, pin }),
    };
  });
  return { name: 'dhcp', isDone: managed.length > 0, facts };
}

export async function readSteps(view: Reader): Promise<readonly Step[]> {
  await view.region.settings.load();
  return [
    ...(['name', 'upstream', 'archives', 'proxy'] as const).map((name) => settingsStep(view, name)),
    await keyStep(view),
    await imagesStep(view),
    { name: 'files', isDone: racksWithoutFiles(view.region).length === 0, facts: [] },
    await dhcpStep(view),
  ];
}

const isDismissed = ({ region }: Pick<View, 'region'>): boolean => region.settings.valueOf(DISMISSED_KEY) === true;

/**
 * True if this person is to be led through the steps when they sign in: an administrator of a
 * region that has no machines, and could boot none, because it has no image or no boot files, or
 * offers no DHCP.
 */
export async function needsFirstRun(view: Pick<View, 'region'> & { readonly viewer: { readonly isAdmin: boolean } }) {
  const { region, viewer } = view;
  if (!viewer.isAdmin) return false;
  await region.settings.load();
  if (isDismissed(view) || (await region.store.countStatuses()).size > 0) return false;
  return racksWithoutFiles(region).length > 0 || !(await dhcpStep(view)).isDone || !(await imagesStep(view)).isDone;
}

/** Lets an administrator end the reminders. */
export const dismissForm = (view: View): Html =>
  renderForm(view, {
    to: FIRST_RUN_PATH,
    body: hiddenField('do', 'dismiss'),
    submit: words.firstRun.dismiss,
    tone: 'plain',
    isInline: true,
  });

/** On the overview: the steps that were skipped, each with a button. */
export async function renderLeftSteps(view: View): Promise<Html> {
  if (!view.viewer.isAdmin || isDismissed(view)) return nothing;
  const steps = await readSteps(view);
  const left = steps.filter(({ isDone }) => !isDone);
  if (left.length === 0) return nothing;
  const { firstRun } = words;
  const items = left.map(({ name }) => {
    const { title, why, button } = firstRun.steps[name];
    return html`
      <div class="list-item in-row"><div><div class="name">${title}</div><div class="small">${why}</div></div>
      <a class="button plain small-button" href="${stepPath(name)}">${button}</a></div>`;
  });
  return html`
    <div class="sheet stacked left"><div class="card-head"><h2>${firstRun.left(left.length, steps.length)}</h2>${dismissForm(view)}</div>${items}</div>`;
}
