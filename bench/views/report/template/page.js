// Plots take their colours from the page, also when the reader's theme changes.
(function () {
  const theme = matchMedia("(prefers-color-scheme: dark)");
  function dress() {
    const style = getComputedStyle(document.documentElement);
    const of = (name) => style.getPropertyValue(name).trim();
    for (const plot of document.querySelectorAll(".plotly-graph-div")) {
      const change = {
        "font.color": of("--ink"),
        "hoverlabel.bgcolor": of("--ground"),
        "hoverlabel.bordercolor": of("--rule"),
        "hoverlabel.font.color": of("--ink"),
      };
      for (const name of Object.keys(plot.layout)) {
        if (/^[xy]axis\d*$/.test(name)) {
          change[name + ".gridcolor"] = of("--grid");
          change[name + ".linecolor"] = of("--rule");
        }
      }
      Plotly.relayout(plot, change);
    }
  }
  theme.addEventListener("change", dress);
  dress();
})();
