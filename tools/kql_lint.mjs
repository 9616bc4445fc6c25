// Reads {"tables": {name: {column: type}}, "queries": {name: text}} from standard input and writes
// {name: [{code, severity, line, message}]} as Microsoft's own KQL parser sees each query.
// Exit status: 0 answered, 2 the input is unreadable or the parser is not installed (`npm ci` in tools/).

import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const require = createRequire(import.meta.url);

function parser() {
  require("@kusto/language-service-next/bridge.min.js");
  require("@kusto/language-service-next/Kusto.Language.Bridge.min.js");
  return globalThis.Kusto.Language;
}

function globalsFor(language, tables) {
  const { Symbols, GlobalState } = language;
  const symbols = Object.entries(tables).map(([name, columns]) => {
    const fields = Object.entries(columns).map(
      ([column, type]) => new Symbols.ColumnSymbol(column, Symbols.ScalarTypes.GetSymbol(type)),
    );
    return new Symbols.TableSymbol.$ctor4(name, fields);
  });
  const database = new Symbols.DatabaseSymbol.ctor("workspace", symbols);
  return GlobalState.Default.WithDatabase(database);
}

function findings(language, globals, text) {
  const code = language.KustoCode.ParseAndAnalyze(text, globals);
  const found = code.GetDiagnostics();
  const rows = [];
  for (let place = 0; place < found.Count; place += 1) {
    const item = found.getItem(place);
    const line = text.slice(0, item.Start).split("\n").length;
    rows.push({ code: item.Code, severity: item.Severity, line, message: item.Message });
  }
  return rows;
}

function answer() {
  const { tables, queries } = JSON.parse(readFileSync(0, "utf8"));
  const language = parser();
  const globals = globalsFor(language, tables);
  const rows = Object.entries(queries).map(([name, text]) => [name, findings(language, globals, text)]);
  process.stdout.write(`${JSON.stringify(Object.fromEntries(rows), null, 2)}\n`);
}

try {
  answer();
} catch (error) {
  process.stderr.write(`kql_lint: ${error.message}\n`);
  process.exitCode = 2;
}
