// A long list in parts: a search by name, and pages of LISTED_MAX entries. Both are in the URL.

import { type Html, html, nothing } from '../../../ground/html.ts';
import { queryValue, type View } from './view.ts';
import { words } from './words.ts';

/** The entries of one page of a list. */
const LISTED_MAX = 100;

interface Listing<T> {
  readonly shown: readonly T[];
  /** The form that searches; empty if the list is one page. */
  readonly search: Html;
  readonly pages: Html;
}

/**
 * The part of a list that the URL asks for (`q`, `page`).
 * @param nameOf the text that is searched
 * @param parameters further parameters of the URL, which the search keeps
 */
export function buildListing<T>(
  view: Pick<View, 'query'>,
  all: readonly T[],
  nameOf: (entry: T) => string,
  parameters: Readonly<Record<string, string>> = {},
): Listing<T> {
  const wanted = queryValue(view, 'q').trim();
  const matching =
    wanted === '' ? all : all.filter((entry) => nameOf(entry).toLowerCase().includes(wanted.toLowerCase()));
  const pageCount = Math.max(1, Math.ceil(matching.length / LISTED_MAX));
  const page = Math.min(pageCount, Math.max(1, Math.trunc(Number(queryValue(view, 'page'))) || 1));
  const pageEntries = matching.slice((page - 1) * LISTED_MAX, page * LISTED_MAX);
  if (all.length <= LISTED_MAX && wanted === '') return { shown: pageEntries, search: nothing, pages: nothing };
  const hidden = Object.entries(parameters).map(
    ([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`,
  );
  const search = html`
    <form class="filters" role="search">${hidden}<input name="q" type="search" value="${wanted}" aria-label="${words.listing.search}" placeholder="${words.listing.search}">
    <button class="button plain">${words.listing.find}</button><span class="small">${words.listing.found(matching.length, all.length)}</span></form>`;
  const link = (to: number, text: string) => {
    if (to < 1 || to > pageCount) return nothing;
    const query = new URLSearchParams({ ...parameters, ...(wanted === '' ? {} : { q: wanted }), page: String(to) });
    return html`<a class="button plain small-button" href="?${query.toString()}">${text}</a>`;
  };
  const pages =
    pageCount === 1
      ? nothing
      : html`<nav class="pager" aria-label="${words.listing.pages}">${link(page - 1, words.listing.previous)}<span class="small">${words.listing.page(page, pageCount)}</span>${link(page + 1, words.listing.next)}</nav>`;
  return { shown: pageEntries, search, pages };
}
