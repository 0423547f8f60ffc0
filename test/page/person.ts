// A person at the browser: opens pages, fills their fields, clicks what they offer, and reads what they show.

import assert from 'node:assert/strict';
import type { BrowserPage } from './chromium.ts';

/** A person at the browser. */
export class Person {
  readonly #browser: BrowserPage;
  readonly #origin: string;

  constructor(browser: BrowserPage, origin: string) {
    this.#browser = browser;
    this.#origin = origin;
  }

  open(path: string): Promise<void> {
    return this.#browser.open(this.#origin + path);
  }

  /**
   * Clicks the link or button with this label, and waits for its page. One of the form at hand comes first.
   * @param near a text of its row, if several rows have the label
   */
  async click(label: string, near = ''): Promise<void> {
    const wanted = `(one) => one.textContent.trim() === ${JSON.stringify(label)} && (${JSON.stringify(near)} === '' || one.closest('tr, .list-item').textContent.includes(${JSON.stringify(near)}))`;
    const found = `(() => {
      const fitting = [...document.querySelectorAll('a, button, summary')].filter(${wanted});
      return fitting.find((one) => one.form && one.form === document.activeElement.form) ?? fitting[0];
    })()`;
    await this.#browser.until(`${found} !== undefined`, 15_000).catch(async () => {
      assert.fail(`nothing to click: ${label}\n${await this.#browser.evaluate('document.body.innerText')}`);
    });
    const isLink = await this.#browser.evaluate(`${found}.tagName !== 'SUMMARY'`);
    await this.#browser.evaluate(`(window.isBefore = true, ${found}.click(), 1)`).catch(() => undefined);
    if (isLink === true) {
      await this.#browser
        .until("window.isBefore === undefined && document.readyState === 'complete'", 15_000)
        .catch(async () => {
          assert.fail(`no page came: ${label}\n${await this.#browser.evaluate('document.body.innerText')}`);
        });
    }
  }

  /**
   * Fills the field with this label, chooses it, or ticks it.
   * @param value without one, the label is that of a choice or a tick
   */
  async write(label: string, value = ''): Promise<void> {
    const labelled = `[...document.querySelectorAll('label')].find((one) => {
      const texts = document.createTreeWalker(one, NodeFilter.SHOW_TEXT);
      while (texts.nextNode()) if (texts.currentNode.data.trim() !== '') return texts.currentNode.data.trim() === ${JSON.stringify(label)};
      return false;
    })?.control ?? document.querySelector(${JSON.stringify(`[aria-label=${JSON.stringify(label)}]`)})`;
    const isWritten = await this.#browser.evaluate(`((field) => {
      if (field === null) return false;
      field.focus();
      if (['checkbox', 'radio'].includes(field.type)) field.click();
      else field.value = ${JSON.stringify(value)};
      return true;
    })(${labelled})`);
    if (isWritten !== true)
      assert.fail(`no field: ${label}\n${await this.#browser.evaluate('document.body.innerText')}`);
  }

  /** Fills the field of this name, or ticks the radio button with this value. */
  async fill(name: string, value: string): Promise<void> {
    const field = `document.querySelector('[name=${JSON.stringify(name)}]')`;
    const choice = `document.querySelector('[name=${JSON.stringify(name)}][value=${JSON.stringify(value)}][type=radio]')`;
    await this.#browser.evaluate(
      `${choice} === null ? (${field}.value = ${JSON.stringify(value)}) : ${choice}.click()`,
    );
  }

  /** Waits until the page shows these words, without reloading it. */
  async sees(words: string, ms = 20_000): Promise<void> {
    const text = `document.body.innerText.replaceAll('\\u00a0', ' ')`;
    await this.#browser.until(`${text}.includes(${JSON.stringify(words)})`, ms).catch(async () => {
      assert.fail(`never seen: ${words}\n${await this.#browser.evaluate('document.body.innerText')}`);
    });
  }

  /** Waits until the machine's page shows this state, without reloading it. */
  async isIn(state: string, ms = 30_000): Promise<void> {
    const pill = `document.querySelector('#head .pill')?.textContent`;
    await this.#browser.until(`${pill} === ${JSON.stringify(state)}`, ms).catch(async () => {
      assert.fail(`never ${state}\n${await this.#browser.evaluate('document.body.innerText')}`);
    });
  }

  /** The path of the page. */
  async path(): Promise<string> {
    return String(await this.#browser.evaluate('location.pathname'));
  }

  async source(): Promise<string> {
    return String(await this.#browser.evaluate('document.documentElement.outerHTML'));
  }

  /** Checks that nothing is wider than the window, at the width of a desktop and of a phone. */
  async fits(name: string): Promise<void> {
    for (const width of [1280, 360]) {
      await this.#browser.resize(width, 800);
      const overflow = await this.#browser.evaluate('document.documentElement.scrollWidth - window.innerWidth');
      assert.ok(Number(overflow) <= 0, `${name}, ${width} px: ${overflow} px too wide`);
      const directory = process.env.RACKBOOT_SCREENSHOTS;
      if (directory !== undefined) await this.#browser.screenshot(`${directory}/life-${name}-${width}.png`);
    }
    await this.#browser.resize(1280, 800);
  }
}
