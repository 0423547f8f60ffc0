// The script of every page: it refreshes live pages, and checks forms while people write. Node
// strips the types (`files/browser-file.ts`).
//
// 1. Pages work without this script; they are then reloaded to show what is new.
// 2. A refresh never disturbs the reader: a part with a focused field or selected text is not
//    replaced, open details stay open, output scrolled to its end stays there, ticks and choices
//    that were not sent stay, and so does the focus.
// 3. The region's stream of events says when there is something new. A page that shows work, or has
//    no stream, looks by itself. A hidden page has none: a browser opens only six connections to a
//    host.
// 4. This file imports nothing, because the browser gets it alone.

const AT_WORK_MS = 1000;
const AT_REST_MS = 3000;
/** With a stream, for what makes no event. */
const FOLLOWING_MS = 10_000;
/** How many times as long as an answer takes the next request waits. */
const RESTS = 10;
const ANSWER_WAIT_MS = 10_000;
/** How long a notice stays on a live page. */
const NOTICE_MS = 10_000;
/** An output within this distance of its end stays scrolled to the end. */
const END_PIXELS = 4;
const FOCUSABLE = 'a[href], button, input, select, textarea, summary';

/** Says how fresh the page is; the region gives it its texts. */
const fresh = document.querySelector<HTMLElement>('.fresh');
const live = fresh?.textContent;

function isBusy(part: Element): boolean {
  const active = document.activeElement;
  const marked = getSelection();
  return (
    (active !== null && part.contains(active) && active.matches('input:not([type=checkbox]), select, textarea')) ||
    (marked !== null && !marked.isCollapsed && part.contains(marked.anchorNode))
  );
}

const withId = (part: Element, id: string): Element | null => part.querySelector(`#${CSS.escape(id)}`);

/** Opens the new details whose old ones are open. */
function keepOpen(old: Element, next: Element): void {
  for (const details of next.querySelectorAll('details')) {
    const before = details.id === '' ? null : withId(old, details.id);
    if (before instanceof HTMLDetailsElement) details.open = before.open;
  }
}

/** Keeps what the reader ticked and chose, and has not sent. */
function keepChoices(old: Element, next: Element): void {
  const ticked = new Map(
    [...old.querySelectorAll<HTMLInputElement>('input[type=checkbox]')].map((checkbox) => [
      tickKey(checkbox),
      checkbox.checked,
    ]),
  );
  for (const checkbox of next.querySelectorAll<HTMLInputElement>('input[type=checkbox]'))
    checkbox.checked = ticked.get(tickKey(checkbox)) ?? checkbox.checked;
  const chosen = new Map([...old.querySelectorAll('select')].map((select) => [select.name, select.value]));
  for (const select of next.querySelectorAll('select')) {
    const value = chosen.get(select.name);
    if ([...select.options].some((option) => option.value === value)) select.value = value ?? '';
  }
}

const tickKey = ({ name, value }: HTMLInputElement): string => `${name} ${value}`;

/**
 * What needs this script, so that only the script shows it: boxes that tick all others of their
 * table, buttons that copy, and how fresh a live page is.
 */
function showControls(part: ParentNode): void {
  for (const control of part.querySelectorAll<HTMLElement>('[data-ticks], .copier, .fresh')) control.hidden = false;
}

/**
 * Copies what the button stands beside. In a page that came over plain HTTP, browsers let a script
 * do that only with marked text.
 */
function copyBeside(button: Element): void {
  if (button.parentElement === null) return;
  getSelection()?.selectAllChildren(button.parentElement);
  // Without a right to copy, the text stays marked.
  if (!document.execCommand('copy')) return;
  getSelection()?.removeAllRanges();
  button.classList.add('done');
}

document.addEventListener('click', ({ target }) => {
  if (target instanceof Element && target.matches('.copier')) copyBeside(target);
});

/** The scroll position of each output; `Infinity` for one at its end. */
const scrolledTo = (part: Element): readonly (readonly [id: string, top: number])[] =>
  [...part.querySelectorAll('pre[id]')].map((pre) => {
    const isAtEnd = pre.scrollTop + pre.clientHeight >= pre.scrollHeight - END_PIXELS;
    return [pre.id, isAtEnd ? Number.POSITIVE_INFINITY : pre.scrollTop];
  });

/** The key by which a focused element is found again. */
const getFocusKey = (element: Element): string =>
  element instanceof HTMLInputElement ? tickKey(element) : (element.textContent ?? '');

/** Replaces a part, unless nothing changed or the reader is using it. */
function replacePart(old: Element, next: Element): void {
  keepOpen(old, next);
  showControls(next);
  if (old.isEqualNode(next) || isBusy(old)) return;
  keepChoices(old, next);
  const tops = scrolledTo(old);
  const active = document.activeElement;
  const at = active === null ? -1 : [...old.querySelectorAll(FOCUSABLE)].indexOf(active);
  const words = active === null ? '' : getFocusKey(active);
  old.replaceWith(next);
  for (const [id, top] of tops) {
    const pre = withId(next, id);
    if (pre !== null) pre.scrollTop = Math.min(top, pre.scrollHeight);
  }
  const again = at === -1 ? undefined : next.querySelectorAll<HTMLElement>(FOCUSABLE)[at];
  if (again !== undefined && getFocusKey(again) === words) again.focus({ preventScroll: true });
}

const joinChildIds = (main: Element): string => [...main.children].map(({ id }) => id).join(' ');

/** Updates the page: part by part if it still has the same parts, else as a whole. */
function update(now: Element, next: Element): void {
  if (joinChildIds(now) !== joinChildIds(next)) {
    replacePart(now, next);
    return;
  }
  const parts = [...next.children];
  [...now.children].forEach((part, index) => {
    const other = parts[index];
    if (other !== undefined) replacePart(part, other);
  });
}

const getMain = (page: Document): Element => {
  const main = page.querySelector('main');
  if (main === null) throw new Error('the page has no main part');
  return main;
};

function showStatus(text: string | undefined, isStale: boolean): void {
  if (fresh === null) return;
  fresh.textContent = text ?? '';
  fresh.classList.toggle('stale', isStale);
}

/** The state of the machine that the page is about. */
const findMachineState = (): string | undefined => document.querySelector('#head .pill')?.textContent ?? undefined;

/** Fetches the page, updates what changed, and reports a region that does not answer. */
async function refresh(): Promise<void> {
  if (document.hidden) return;
  const startedAt = performance.now();
  try {
    const answer = await fetch(location.href, {
      cache: 'no-store',
      headers: { 'X-Rackboot-Live': '1' },
      signal: AbortSignal.timeout(ANSWER_WAIT_MS),
    });
    if (answer.redirected) {
      location.reload();
      return;
    }
    if (answer.status === 404) {
      showStatus(fresh?.dataset.deleted, true);
      return;
    }
    if (!answer.ok) throw new Error(`the region answered ${answer.status}`);
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
    // What was waited for has come, and a form with it, which is not refreshed.
    if (page.querySelector('.fresh') === null) {
      location.reload();
      return;
    }
    const before = findMachineState();
    update(getMain(document), getMain(page));
    // The notice said what would happen; the new state says more.
    if (findMachineState() !== before) notice?.remove();
    document.title = page.title;
    showStatus(live, false);
    answerMs = performance.now() - startedAt;
  } catch {
    showStatus(fresh?.dataset.silent, true);
    // A wait without an answer does not say how much work an answer is.
    answerMs = 0;
  }
}

let answerMs = 0;
let stream: EventSource | undefined;
let next: ReturnType<typeof setTimeout> | undefined;
let isRefreshing = false;
let hasNews = false;

async function repeat(): Promise<void> {
  hasNews = false;
  isRefreshing = true;
  await refresh();
  isRefreshing = false;
  const isAtWork = hasNews || document.querySelector('[data-at-work]') !== null;
  const isFollowing = stream?.readyState === EventSource.OPEN;
  const restMs = isAtWork ? AT_WORK_MS : isFollowing ? FOLLOWING_MS : AT_REST_MS;
  next = setTimeout(repeat, Math.max(restMs, RESTS * answerMs));
}

function follow(path: string): void {
  stream?.close();
  stream = document.hidden ? undefined : new EventSource(path);
  stream?.addEventListener('event', () => {
    if (hasNews) return;
    hasNews = true;
    if (isRefreshing) return;
    clearTimeout(next);
    next = setTimeout(repeat, Math.max(AT_WORK_MS, RESTS * answerMs));
  });
}

document.addEventListener('change', ({ target }) => {
  if (!(target instanceof HTMLInputElement) || target.dataset.ticks === undefined) return;
  const name = CSS.escape(target.dataset.ticks);
  for (const checkbox of target.closest('table')?.querySelectorAll<HTMLInputElement>(`input[name="${name}"]`) ?? [])
    checkbox.checked = target.checked;
});
showControls(document);
for (const pre of document.querySelectorAll('pre[id]')) pre.scrollTop = pre.scrollHeight;
const notice = document.querySelector('#notice');
if (fresh !== null && notice !== null) setTimeout(() => notice.remove(), NOTICE_MS);
if (fresh !== null) next = setTimeout(repeat, AT_WORK_MS);
const events = fresh?.dataset.events;
if (events !== undefined) {
  follow(events);
  document.addEventListener('visibilitychange', () => follow(events));
}

const sum = document.querySelector<HTMLOutputElement>('#sum');

const sizeText = (bytes: number): string =>
  bytes < 2 ** 30 ? `${Math.round(bytes / 2 ** 20)}\u00a0MiB` : `${(bytes / 2 ** 30).toFixed(1)}\u00a0GiB`;

/** Counts what is ticked, with the ticks that a filter hides. */
function showSum({ dataset }: HTMLOutputElement): void {
  const ticks = [...document.querySelectorAll<HTMLInputElement>('input[name=tick]:checked')];
  const bytes = ticks.reduce((all, tick) => all + Number(tick.dataset.bytes), Number(dataset.bytes));
  const count = String(ticks.length + Number(dataset.count));
  const text = (dataset.words ?? '').replace('COUNT', count).replace('SIZE', sizeText(bytes));
  const room = document.querySelector('#no-room');
  if (sum !== null) sum.textContent = text;
  room?.toggleAttribute('hidden', !dataset.free || bytes <= Number(dataset.free));
}

if (sum !== null) {
  document.addEventListener('change', () => showSum(sum));
  // A browser that comes back to the page has kept the ticks.
  addEventListener('pageshow', () => showSum(sum));
}

/**
 * Sends a form with a file by itself, and shows how much of it has gone. Without this script the
 * browser sends it.
 */
function sendFile(form: HTMLFormElement, bar: HTMLProgressElement): void {
  const request = new XMLHttpRequest();
  request.open('POST', form.action);
  // The next page, and not this request, then shows the notice.
  request.setRequestHeader('X-Rackboot-Live', '1');
  request.upload.onprogress = ({ loaded, total }) => {
    bar.max = total;
    bar.value = loaded;
    if (loaded === total) bar.removeAttribute('value');
  };
  request.onload = () => {
    if (request.status < 400) {
      location.assign(request.responseURL);
      return;
    }
    const page = new DOMParser().parseFromString(request.responseText, 'text/html');
    getMain(document)
      .closest('.page')
      ?.replaceWith(getMain(page).closest('.page') ?? getMain(page));
    watchUpload();
    document.querySelector<HTMLElement>('[aria-invalid]')?.focus();
  };
  request.onerror = () => {
    bar.hidden = true;
    for (const button of form.querySelectorAll('button')) button.disabled = false;
    alert(form.dataset.broken);
  };
  request.send(new FormData(form));
  bar.hidden = false;
  for (const button of form.querySelectorAll('button')) button.disabled = true;
}

function watchUpload(): void {
  const form = document.querySelector<HTMLFormElement>('form[data-broken]');
  const bar = form?.querySelector('progress');
  form?.addEventListener('submit', (event) => {
    if (!bar) return;
    event.preventDefault();
    sendFile(form, bar);
  });
}

watchUpload();

/** How long after the last key a form is checked. */
const CHECK_PAUSE_MS = 400;

/** Shows what the region would answer to each field. */
function showFaults(form: HTMLFormElement, next: HTMLFormElement): void {
  for (const field of form.querySelectorAll('.field')) {
    const control = field.querySelector<HTMLInputElement>('[name]');
    const other = next.querySelector(`[name="${CSS.escape(control?.name ?? '')}"]`);
    const fault = other?.closest('.field')?.querySelector('.fault');
    field.querySelector('.fault')?.remove();
    if (fault) field.insertBefore(fault, field.querySelector(':scope > .hint'));
    for (const name of ['aria-invalid', 'aria-describedby']) {
      const value = other?.getAttribute(name);
      if (value) control?.setAttribute(name, value);
      else control?.removeAttribute(name);
    }
  }
}

/** Asks the region what it would answer to a form as it is written. It changes nothing. */
async function checkForm(form: HTMLFormElement, signal: AbortSignal): Promise<void> {
  const written = new URLSearchParams();
  for (const [name, value] of new FormData(form))
    if (typeof value === 'string' && name !== 'csrf') written.append(name, value);
  const answer = await fetch(`${form.dataset.check}&${written}`, {
    cache: 'no-store',
    headers: { 'X-Rackboot-Live': '1' },
    signal,
  });
  if (!answer.ok || answer.redirected) return;
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
  const next = page.querySelector<HTMLFormElement>('form[data-check]');
  if (next === null) return;
  showFaults(form, next);
  const [picture, drawn] = [document, page].map((side) => side.querySelector('#checked'));
  if (picture && drawn) picture.replaceWith(drawn);
  const [says, fresh] = [document, page].map((side) => side.querySelector('#check-says'));
  if (says) says.textContent = fresh?.textContent ?? '';
}

let checking = new AbortController();
document.addEventListener('input', ({ target }) => {
  const form = target instanceof Element ? target.closest<HTMLFormElement>('form[data-check]') : null;
  if (form === null) return;
  checking.abort();
  checking = new AbortController();
  const { signal } = checking;
  // A region that does not answer shows that when the form is sent.
  const check = () => (signal.aborted ? undefined : checkForm(form, signal).catch(() => undefined));
  setTimeout(check, CHECK_PAUSE_MS);
});
