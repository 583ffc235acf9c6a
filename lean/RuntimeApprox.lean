module

public import RuntimeApprox.Case
public import RuntimeApprox.Contraction
public import RuntimeApprox.Contraction.Theorems
public import RuntimeApprox.Conv2d
public import RuntimeApprox.Conv2d.Bounds
public import RuntimeApprox.Conv2d.Theorems
public import RuntimeApprox.Export
public import RuntimeApprox.Export.Theorems
public import RuntimeApprox.Format
public import RuntimeApprox.Format.RoundEven
public import RuntimeApprox.Format.Rounding
public import RuntimeApprox.Machine
public import RuntimeApprox.Machine.Theorems
public import RuntimeApprox.OrderedField
public import RuntimeApprox.OrderedField.Theorems
public import RuntimeApprox.PowTwo
public import RuntimeApprox.PowTwo.Theorems
public import RuntimeApprox.Rounding
public import RuntimeApprox.Rounding.Theorems
public import RuntimeApprox.Tensor
public import RuntimeApprox.Tensor.Theorems
public import RuntimeApprox.Text
