/** Names that JSON has twice: JSON.parse takes the last without a word. */

/** A name that an object of the text has twice, with its path, as in `cells.3.n`; null where there is none. */
export function doubledName(text: string): string | null {
  const open: { readonly names: Set<string>; at: string | number }[] = [];
  let word = '';
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:,]/g)) {
    const inner = open.at(-1);
    if (token === '{' || token === '[') open.push({ names: new Set(), at: 0 });
    else if (token === '}' || token === ']') open.pop();
    else if (token === ',' && typeof inner?.at === 'number') inner.at++;
    else if (token === ':' && inner) {
      inner.at = JSON.parse(word) as string;
      if (inner.names.has(inner.at)) return open.map(({ at }) => at).join('.');
      inner.names.add(inner.at);
    } else word = token;
  }
  return null;
}
