/** A small XML parser: throws if a text is not well-formed, as far as our documents could be wrong. */
import assert from 'node:assert/strict';

export interface Element {
  name: string;
  attributes: Record<string, string>;
  children: Element[];
  text: string;
}

const CHARS = /^[\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u;
const TOKEN = /<\?xml [^>]*\?>|<(\/?)([\w-]+)((?:\s+[\w-]+="[^"<]*")*)\s*(\/?)>|([^<]+)/y;
const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

export function parseXml(text: string): Element {
  assert.match(text, CHARS);
  const root: Element = { name: '', attributes: {}, children: [], text: '' };
  const open = [root];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const at = TOKEN.lastIndex;
    const [token, close, name, attributes, empty, content] = TOKEN.exec(text) ?? [];
    assert.ok(token !== undefined, `not XML: ${text.slice(at, at + 80)}`);
    if (content !== undefined) open.at(-1)!.text += plain(content);
    else if (close === '/') assert.equal(open.pop()!.name, name);
    else if (name !== undefined) {
      const element: Element = { name, attributes: attributesOf(attributes!), children: [], text: '' };
      open.at(-1)!.children.push(element);
      if (empty !== '/') open.push(element);
    }
  }
  assert.equal(open.length, 1, 'an element is not closed');
  assert.equal(root.children.length, 1);
  return root.children[0];
}

const attributesOf = (text: string): Record<string, string> =>
  Object.fromEntries([...text.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, name, value]) => [name, plain(value)]));

const plain = (text: string): string =>
  text.replace(/&(\w*);?/g, (entity, name: string) => {
    assert.ok(entity.endsWith(';') && name in NAMED, `no entity: ${entity}`);
    return NAMED[name];
  });
