// The first run: an administrator of a new region is led through a few steps, each of which can be skipped.
//
//   sign-in ─► list of the steps ─► first open step ─► next open step … ─► the same list, with what was skipped
//                                        └─ skip ───────────▲
//
// 1. A step is a form of operations that other pages have, too; it needs no account of its own,
//    because somebody is signed in.
// 2. A step that is done can be opened again. What a file sets is shown with the file and the key.
// 3. The heading has the focus, so that the next tab leads into the step and not through the navigation.

import { formatIpv4 } from '../../../ground/address.ts';
import { type Html, html, nothing } from '../../../ground/html.ts';
import { readHostResolvers } from '../../../net/host-resolvers.ts';
import { refuseField } from '../../api/call/answer.ts';
import { areaField, renderForm, renderGroup, textField } from '../frame/forms.ts';
import { renderFullPage } from '../frame/parts.ts';
import { rackPath } from '../frame/racks-part.ts';
import { codeIn } from '../frame/values.ts';
import {
  CHANGE_SETTINGS,
  fieldValue,
  type Outcome,
  type PageDefinition,
  submit,
  type View,
  type WantedOperation,
} from '../frame/view.ts';
import { words } from '../frame/words.ts';
import { CHOICE_OPERATIONS, chooseImages, offerImages } from '../images/choose-page.ts';
import { enableDhcp, offerDhcp } from '../networks/interface-pages.ts';
import {
  DISMISSED_KEY,
  dismissForm,
  FIRST_RUN_PATH,
  racksWithoutFiles,
  readSteps,
  type SettingsStep,
  STEPS,
  type Step,
  type StepName,
  settingsOfStep,
  stepPath,
} from '../racks/first-steps.ts';
import { formatSettingText, isEditable, type Setting, settingRow, storeSettings } from '../settings/settings-page.ts';

const ADD_KEY = 'POST account/prefs/sshkeys';
const IMPORT_KEYS = 'POST account/prefs/sshkeys import';

const renderStepFacts = ({ facts }: Step): readonly Html[] =>
  facts.map(
    ({ text, where }) =>
      html`<div class="small break">${text}${where === '' ? nothing : html` <span class="soft">(${where})</span>`}</div>`,
  );

const firstOpen = (steps: readonly Step[], after = -1): string => {
  const next = steps.find(({ isDone }, index) => index > after && !isDone);
  return next === undefined ? FIRST_RUN_PATH : stepPath(next.name);
};

function stepItem(step: Step): Html {
  const { name, isDone } = step;
  const { title, why, button } = words.firstRun.steps[name];
  const pill = isDone ? html` <span class="pill green">${words.firstRun.done}</span>` : nothing;
  return html`
    <li class="list-item in-row"><div><span class="name">${title}</span>${pill}${isDone ? renderStepFacts(step) : html`<div class="small">${why}</div>`}</div>
    <a class="button plain small-button" href="${stepPath(name)}">${isDone ? words.firstRun.show : button}</a></li>`;
}

async function renderFirstRun(view: View): Promise<Html> {
  const { firstRun } = words;
  const steps = await readSteps(view);
  const done = steps.filter(({ isDone }) => isDone).length;
  const isOver = done === steps.length;
  const way = isOver
    ? html`<a class="button primary" href="/MAAS/">${firstRun.toOverview}</a>`
    : html`<a class="button primary" href="${firstOpen(steps)}">${firstRun.begin}</a><a class="button plain" href="/MAAS/">${firstRun.later}</a>${dismissForm(view)}`;
  return renderFullPage(view, {
    title: firstRun.title,
    place: 'overview',
    main: html`
      <div class="bar"><h1 tabindex="-1" autofocus>${firstRun.title}</h1></div>
      <p class="soft">${isOver ? firstRun.over : firstRun.lead(done, steps.length)}</p>
      <div class="buttons">${way}</div>
      <ol class="sheet narrow needs">${steps.map(stepItem)}</ol>`,
  });
}

const dismiss = (view: View): Promise<Outcome> | undefined =>
  fieldValue(view, 'do') === 'dismiss'
    ? submit(
        view,
        CHANGE_SETTINGS,
        {},
        { changes: JSON.stringify([{ key: DISMISSED_KEY, value: true }]) },
        '/MAAS/',
        words.firstRun.dismissed,
      )
    : undefined;

/** What a step shows below its heading. */
interface Body {
  readonly content: Html;
  /** True while it changes by itself, and has no form. */
  readonly isLive?: boolean;
}

interface StepPage {
  readonly body: (view: View, step: Step) => Body | Promise<Body>;
  /** @param next the page to show then */
  readonly act?: (view: View, next: string) => Outcome | Promise<Outcome>;
  readonly operations: readonly WantedOperation[];
}

/** The DNS servers that this host itself asks, without those of racks. */
function resolversOfHost({ region }: View): string {
  const racks = region.racks.list().flatMap(({ pulse }) => pulse?.addresses ?? []);
  const own = new Set(racks.map(({ address }) => address.split('/')[0]));
  const others = readHostResolvers().map(formatIpv4);
  return others.filter((server) => !own.has(server)).join('\n');
}

function proposalFor(view: View, setting: Setting): string {
  if (setting.key === 'dns.upstream') return resolversOfHost(view);
  if (setting.key === 'region.name') return view.region.config().ownRack?.name ?? '';
  return formatSettingText(setting, setting.byDefault);
}

/** A form of settings. @param whenEmpty what an empty field stands for */
const settingsPage = (name: SettingsStep, whenEmpty = ''): StepPage => ({
  body(view) {
    const settings = settingsOfStep(view, name);
    const rows = settings.map((setting) => settingRow(view, setting, proposalFor(view, setting)));
    const form = settings.some(isEditable)
      ? renderForm(view, { body: rows, submit: words.firstRun.save })
      : html`<div class="form">${rows}</div>`;
    return { content: html`<div class="sheet narrow">${form}</div>` };
  },
  act: (view, next) => storeSettings(view, settingsOfStep(view, name), next, whenEmpty),
  operations: [CHANGE_SETTINGS],
});

const doneBox = (step: Step): Html =>
  step.isDone ? html`<div class="sheet narrow"><div class="note">${renderStepFacts(step)}</div></div>` : nothing;

const STEP_PAGES: Readonly<Record<StepName, StepPage>> = {
  name: settingsPage('name'),
  upstream: settingsPage('upstream'),
  archives: settingsPage('archives'),
  proxy: settingsPage('proxy', 'none'),
  key: {
    body(view, step) {
      const { label, hint, fromSite } = words.firstRun.key;
      const fields = [
        areaField(view, { name: 'key', ...words.account.key, rows: 3, isAlternative: true }),
        textField(view, { name: 'keysource', ...fromSite, charactersMax: 100, isAlternative: true }),
      ];
      const form = renderForm(view, { body: renderGroup(label, hint, fields), submit: words.account.addKey });
      return { content: html`${doneBox(step)}<div class="sheet narrow stacked">${form}</div>` };
    },
    act(view, next) {
      const [key, keysource] = [fieldValue(view, 'key').trim(), fieldValue(view, 'keysource').trim()];
      if (key !== '') return submit(view, ADD_KEY, {}, { key }, next, words.account.keyAdded);
      if (keysource === '') return refuseField('key', words.firstRun.key.none);
      return submit(view, IMPORT_KEYS, {}, { keysource }, next, words.account.keyAdded);
    },
    operations: [ADD_KEY, IMPORT_KEYS],
  },
  images: {
    async body(view) {
      const { isAsking, content } = await offerImages(view, stepPath('images'), true);
      return { content, isLive: isAsking };
    },
    act: (view, next) => chooseImages(view, stepPath('images'), { saved: next, importing: next }),
    operations: CHOICE_OPERATIONS,
  },
  files: {
    body({ region }) {
      const { built, after } = words.firstRun.files;
      const lacking = racksWithoutFiles(region);
      const items = lacking.map(
        ({ rack, finding: { text, fix = '' } }) => html`
          <li class="list-item need red-edge"><div><a class="name" href="${rackPath(rack)}">${rack.name}</a>
          <div class="small">${codeIn(text)}<p class="remedy">${words.health.remedy} <code class="lines">${fix}</code></p></div></div></li>`,
      );
      const content =
        lacking.length === 0
          ? html`<div class="sheet note calm" id="files">${built}</div>`
          : html`<div id="files"><ul class="sheet needs">${items}</ul><p class="soft">${after}</p></div>`;
      return { content, isLive: true };
    },
    operations: [],
  },
  dhcp: {
    async body(view, step) {
      const { title, content } = await offerDhcp(view, stepPath('dhcp'), true);
      return { content: html`${doneBox(step)}<h2>${title}</h2>${content}` };
    },
    async act(view, next) {
      const outcome = await enableDhcp(view);
      return outcome?.kind === 'done' ? { ...outcome, to: next } : outcome;
    },
    operations: [CHANGE_SETTINGS],
  },
};

/** @param name of a step that exists */
async function renderFirstRunStep(view: View, name: StepName): Promise<Html> {
  const { firstRun } = words;
  const steps = await readSteps(view);
  const index = STEPS.indexOf(name);
  const step = steps[index] ?? { name, isDone: false, facts: [] };
  const { content, isLive = false } = await STEP_PAGES[name].body(view, step);
  const { title, lead } = firstRun.steps[name];
  const progress = firstRun.progress(index + 1, STEPS.length);
  const focus = view.faults === undefined ? html` tabindex="-1" autofocus` : nothing;
  return renderFullPage(view, {
    title,
    place: 'overview',
    isLive,
    main: html`
      <div class="bar steps" id="bar"><div><div class="small">${progress}</div><progress value="${index + 1}" max="${STEPS.length}" aria-label="${progress}"></progress>
      <h1${focus}>${title}</h1></div><a class="button plain" href="${firstOpen(steps, index)}">${step.isDone ? firstRun.next : firstRun.skip}</a></div>
      <p class="soft" id="lead">${lead}</p>${content}`,
  });
}

const STEP_DEFINITIONS = STEPS.map((name): PageDefinition => {
  const { act, operations } = STEP_PAGES[name];
  const common = {
    path: stepPath(name),
    access: 'admin',
    render: (view: View) => renderFirstRunStep(view, name),
  } as const;
  if (act === undefined) return common;
  return {
    ...common,
    act: async (view) => act(view, firstOpen(await readSteps(view), STEPS.indexOf(name))),
    operations,
  };
});

export const FIRST_RUN_PAGES: readonly PageDefinition[] = [
  { path: FIRST_RUN_PATH, access: 'admin', render: renderFirstRun, act: dismiss, operations: [CHANGE_SETTINGS] },
  ...STEP_DEFINITIONS,
];
