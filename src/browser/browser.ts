/** A page in a headless Chromium, asked from here (browser/page.js is its end). */
import type { Browser, Page as DrivenPage } from 'playwright-core';
import { findChromium } from '../browser_check.js';
import { check, messageOf, UserError } from '../errors.js';
import type * as tf from '../tf.js';
import { openSite, type Site } from './site.js';

type Ids = readonly (readonly number[])[];
/** Elements, float32. */
type Values = tf.TypedArray;

/** What can be asked of the page, and what it answers. */
export interface Asked {
  start(how: { device: 'cpu' | 'webgpu'; threads: number }): { version: string; adapter: string };
  open(model: { folder: string }): void;
  close(model: { folder: string }): void;
  prepare(cell: { folders: readonly string[]; phase: string; tokens: Ids; count: number }): void;
  run(cell: { repeats: number }): { ms: number; tokens: number[] };
  steps(cell: { count: number }): { ms: number[] };
  release(nothing: Record<string, never>): void;
  walk(prompt: { folder: string; tokens: Ids }): { logits: Values };
  walkOn(step: { token: readonly number[] }): { logits: Values };
  walkedState(nothing: Record<string, never>): Readonly<Record<string, Values>>;
}

export interface Page {
  readonly site: Site;
  /** Of Chromium. */
  readonly version: string;
  /** @throws UserError with what went wrong in the page, or when it is gone */
  ask<Name extends keyof Asked>(name: Name, argument: Parameters<Asked[Name]>[0]): Promise<ReturnType<Asked[Name]>>;
  close(): Promise<void>;
}

/** Chromium takes WebGPU on where it has to be made by the processor, as here on most Linux machines, only when told so. */
const ARGUMENTS = ['--enable-unsafe-webgpu', '--enable-features=Vulkan', '--use-webgpu-adapter=default'];

/**
 * @param pageFolder of index.html and page.js
 * @param onLost called when the page is gone before it was closed
 * @throws UserError when the browser cannot be started
 */
export async function openPage(pageFolder: string, onLost: (reason: string) => void): Promise<Page> {
  const site = await openSite(pageFolder);
  try {
    const browser = await startChromium();
    const page = await browser.newPage();
    await page.goto(site.address);
    await page.waitForFunction('globalThis.page !== undefined');
    check(
      await page.evaluate<boolean>('crossOriginIsolated'),
      'browser: the page must be isolated, got one that is not',
    );
    let isOpen = true;
    const lose = (): void => {
      if (isOpen) onLost('browser: the page must last as long as it is asked, got its end (out of memory?)');
    };
    page.on('crash', lose);
    browser.on('disconnected', lose);
    return {
      site,
      version: browser.version(),
      ask: (name, argument) => asked(page, name, argument),
      async close() {
        isOpen = false;
        await browser.close();
        site.close();
      },
    };
  } catch (error) {
    site.close();
    throw error;
  }
}

async function startChromium(): Promise<Browser> {
  const { chromium } = await import('playwright-core');
  const executablePath = findChromium();
  check(executablePath !== null, 'browser: there must be a Chromium, got none');
  const signals = { handleSIGINT: false, handleSIGTERM: false, handleSIGHUP: false }; // the parent decides
  return chromium.launch({ executablePath, args: ARGUMENTS, ...signals }).catch((error: unknown) => {
    throw new UserError(`${executablePath} could not be started (${firstLine(error)})`);
  });
}

async function asked<Name extends keyof Asked>(
  page: DrivenPage,
  name: Name,
  argument: Parameters<Asked[Name]>[0],
): Promise<ReturnType<Asked[Name]>> {
  try {
    // As text, not as a function: what a compiler adds to one is not known in the page.
    return await page.evaluate(`page.${name}(${JSON.stringify(argument)})`);
  } catch (error) {
    throw new UserError(`browser: ${firstLine(error)}`);
  }
}

const firstLine = (error: unknown): string =>
  messageOf(error)
    .replace(/^page\.evaluate: (\w*Error: )?/, '')
    .split('\n')[0] as string;
